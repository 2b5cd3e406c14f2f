export type { ReplicationConfig, ReplicationOptions } from '@node-replicated/core';
export type { RequestReplication } from '@node-replicated/core/adapter';
export type { ReplicationHandler } from '@node-replicated/node-http';
export { replicationMiddleware } from './replication-middleware.js';
