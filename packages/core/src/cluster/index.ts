/** The engine-neutral part of watching a cluster: for those who write a database package. */
export type { HasReached, Position } from '../position.js';
export { type Balanced, type Balancer, type BalancerName, createBalancer } from './balancer.js';
export { type Clock, systemClock, type Timer } from './clock.js';
export type { MonitorSettings, Prober } from './monitor.js';
export type { NodeDescription, NodeFailure, NodeState, Observation } from './node-description.js';
export { type ReadNeed, type Selectable, selectReplicas } from './selection.js';
export { SharedTask } from './shared-task.js';
export type { Topology } from './topology.js';
export { ClusterWatcher, type WatcherOptions } from './watcher.js';
