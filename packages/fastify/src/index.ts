export type { ReplicationConfig, ReplicationOptions } from '@node-replicated/core';
export type { RequestReplication } from '@node-replicated/core/adapter';
// biome-ignore lint/style/noDefaultExport: `server.register(import('@node-replicated/fastify'))` looks for it
export { replication, replication as default, replicationHook } from './replication.js';
