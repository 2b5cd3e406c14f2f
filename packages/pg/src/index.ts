export type { Discover } from './discover.js';
export { type DnsNode, type DnsOptions, type DnsResolver, fromDns } from './from-dns.js';
export { fromPatroni, type PatroniOptions } from './from-patroni.js';
export type { NodeOptions } from './node-options.js';
export type { ReplicatedPoolOptions } from './options.js';
export type { PatroniMember } from './patroni-members.js';
export { ReplicatedPool } from './replicated-pool.js';
export type { DiscoveryStatus, NodeStatus, PoolStatus } from './status.js';
