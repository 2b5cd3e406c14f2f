/** The engine-neutral part of watching a cluster: for those who write a database package. */

export { ClusterEvents, type CountedEventName } from '../cluster-events.js';
export { EventLog, type Logger } from '../event-log.js';
export { type ClusterEventName, isClusterEvent } from '../events.js';
export type { HasReached, JoinPositions, Position } from '../position.js';
export type { Balanced, Balancer } from './balancer/balanced.js';
export { type BalancerName, createBalancer } from './balancer/balancer.js';
export { Bulkhead, type BulkheadLimits } from './bulkhead.js';
export { type Clock, systemClock, type Timer } from './clock.js';
export { Discovery, type DiscoverySettings } from './discovery.js';
export { averageLatency, type LatencyAverage } from './latency-average.js';
export type { MonitorSettings, Prober } from './monitor.js';
export type { NodeDescription, NodeFailure, NodeState, Observation } from './node-description.js';
export { compareNodes } from './node-list.js';
export { freshest, type ReadNeed, type Selectable, selectReplicas } from './selection.js';
export { SharedTask } from './shared-task.js';
export type { Topology } from './topology.js';
export { ClusterWatcher, type WatcherOptions } from './watcher.js';
