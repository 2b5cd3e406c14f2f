import { barePolicy } from './bare-policy.js';
import type { Policy } from './policy.js';

/** As if there were no replicas. */
export const primaryOnly: Policy = barePolicy('all on the primary', (servers) => ({
  read: (board) => servers.readPrimary(board),
  post: (board) => servers.post(board),
}));

/** Any replica for every read: what Drizzle's, TypeORM's and Prisma's read replicas do. */
export const randomReplica: Policy = barePolicy('random replica', (servers) => ({
  read: (board) => servers.readReplica(board),
  post: (board) => servers.post(board),
}));
