export type { ReplicationConfig, ReplicationOptions } from '@node-replicated/core';
export type { RequestReplication } from '@node-replicated/core/adapter';
export { UseMaster, UsePrimary, UseReplica, UseSlave } from '@node-replicated/decorators';
export { type ReplicationAsyncOptions, ReplicationModule } from './replication-module.js';
