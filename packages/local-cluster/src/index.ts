export type { QueryAnswer } from './admin-session.js';
export type { CatchUpOptions } from './catch-up.js';
export type { ClusterOptions } from './cluster-options.js';
export { LocalClusterError, type LocalClusterErrorCode } from './errors.js';
export type { LocalCluster } from './local-cluster.js';
export type { LocalNode } from './local-node.js';
export type { ShutdownMode } from './server-process.js';
export { startCluster } from './start-cluster.js';
export type { CutMode } from './tcp-proxy.js';
