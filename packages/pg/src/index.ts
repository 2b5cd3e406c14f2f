export type { NodeOptions, ReplicatedPoolOptions } from './options.js';
export { ReplicatedPool } from './replicated-pool.js';
export type { NodeStatus, PoolStatus } from './status.js';
