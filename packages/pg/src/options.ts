import { badOption, clusterNamePattern } from '@node-replicated/core/adapter';
import type {
  Balancer,
  BalancerName,
  DiscoverySettings,
  Logger,
  MonitorSettings,
} from '@node-replicated/core/cluster';
import type pg from 'pg';
import type { Discover } from './discover.js';
import { discoveryBase, type NodeOptions, type NodeSettings, namedNodes } from './node-options.js';
import { requireZone } from './node-placement.js';
import { longestTimer, requireNumber } from './number-option.js';
import {
  type PrimaryReadsOptions,
  type PrimaryReadsSettings,
  resolvePrimaryReads,
} from './primary-reads-options.js';

/**
 * The settings of a pool. All that `pg.Pool` takes may stand here as well and holds for every node; a node's own
 * settings go first. Sizes, such as `max`, are per node and pool: see `docs/options.md` for the total.
 */
export interface ReplicatedPoolOptions
  extends pg.PoolConfig,
    Partial<MonitorSettings>,
    Partial<DiscoverySettings> {
  /** What pins and events call this cluster; needed where a process has several. @default 'main' */
  readonly name?: string;
  /** @default `DATABASE_URL`, or what `pg` itself would connect to */
  readonly primary?: NodeOptions;
  /** @default `DATABASE_REPLICA_URLS`, comma-separated, when the primary comes from the environment too */
  readonly replicas?: readonly NodeOptions[];
  /** All nodes, in place of `primary` and `replicas`: who is who is observed anyway. */
  readonly nodes?: string | readonly NodeOptions[];
  /** Finds out which nodes there are, in place of naming them: `fromPatroni()`, `fromDns()`, or a function. */
  readonly discover?: Discover;
  /** ms between two looks for nodes, ± 10 %; after a loss the next one comes within a second. @default 10000 */
  readonly discoverIntervalMs?: number;
  /** ms after which a look for nodes has failed. @default 3000 */
  readonly discoverTimeoutMs?: number;
  /** Where this process is: reads stay among the nodes of its zone while one of them has room. @default anywhere */
  readonly zone?: string;
  /** For how many ms a replica that came back gets less than its share of the reads. @default 10000 */
  readonly slowStartMs?: number;
  /** How a replica is chosen. @default 'least-busy' */
  readonly balance?: BalancerName | Balancer;
  /** What to do with a statement that writes in a replica scope. @default 'route', to the primary */
  readonly onWriteInReplicaScope?: 'route' | 'reject';
  /** The lag, in ms, from which on a replica is not read from. @default 10000 */
  readonly maxLagMs?: number;
  /** ms between two probes of a node, ± 10 %. @default 1000 */
  readonly probeIntervalMs?: number;
  /** ms after which a probe has failed. @default 500 */
  readonly probeTimeoutMs?: number;
  /** How many probes in a row must fail before a node is down. @default 3 */
  readonly failureThreshold?: number;
  /** The longest pause, in ms, between two tries of a node that is down. @default 60000 */
  readonly downtimeMs?: number;
  /** For how many ms a statement waits for a primary, or for any node, before it fails. @default 5000 */
  readonly failoverWaitMs?: number;
  /**
   * For how many ms a read that must see its client's write waits for a replica to replay it, before it goes to
   * the primary. @default 0
   */
  readonly waitForReplicaMs?: number;
  /**
   * Whether a read that must see its client's write is served by the freshest replica when, after `failoverWaitMs`,
   * there is neither a primary nor a replica that has replayed the write. @default false, it fails
   */
  readonly staleIfError?: boolean;
  /** How many reads the primary serves at a time, and how long others wait for their turn. @default {} */
  readonly primaryReads?: PrimaryReadsOptions;
  /**
   * Gets a line for each event, so many at a time: pino, or whatever has its `info`, `warn` and `error`.
   * @default none: the pool is silent
   */
  readonly logger?: Logger;
}

/** Resolved options. */
export interface PoolSettings extends MonitorSettings, DiscoverySettings {
  readonly name: string;
  /** What `pg.Pool` itself was given. */
  readonly base: pg.PoolConfig;
  /** The nodes that were named; none where they are discovered. */
  readonly nodes: readonly NodeSettings[];
  readonly discover: Discover | undefined;
  /** What discovered nodes do not say themselves. */
  readonly discoveryBase: pg.PoolConfig;
  readonly balance: BalancerName | Balancer;
  readonly zone: string | undefined;
  readonly slowStartMs: number;
  readonly onWriteInReplicaScope: 'route' | 'reject';
  readonly maxLagMs: number;
  /** For how many ms a statement waits for a node: no longer than it may wait for a connection. */
  readonly waitMs: number;
  /** For how many ms it waits at most, with the first look at every node; undefined: as long as that takes. */
  readonly connectMs: number | undefined;
  readonly waitForReplicaMs: number;
  readonly logger: Logger | undefined;
  readonly staleIfError: boolean;
  readonly primaryReads: PrimaryReadsSettings;
}

/**
 * Checks the options and fills in defaults.
 *
 * @throws ERR_OPTION, naming the option
 */
export function resolvePoolOptions(options: ReplicatedPoolOptions = {}): PoolSettings {
  const {
    name = 'main',
    primary,
    replicas,
    nodes,
    discover,
    discoverIntervalMs = 10_000,
    discoverTimeoutMs = 3_000,
    balance = 'least-busy',
    zone,
    slowStartMs = 10_000,
    onWriteInReplicaScope = 'route',
    maxLagMs = 10_000,
    probeIntervalMs = 1_000,
    probeTimeoutMs = 500,
    failureThreshold = 3,
    downtimeMs = 60_000,
    failoverWaitMs = 5_000,
    waitForReplicaMs = 0,
    staleIfError = false,
    primaryReads,
    logger,
    ...base
  } = options;
  if (typeof name !== 'string' || !clusterNamePattern.test(name)) {
    throw badOption('name', 'must be 1 to 32 letters, digits, - or _');
  }
  if (nodes !== undefined && (primary !== undefined || replicas !== undefined)) {
    throw badOption('nodes', 'cannot stand beside primary or replicas');
  }
  if (discover !== undefined && (primary ?? replicas ?? nodes) !== undefined) {
    throw badOption('discover', 'cannot stand beside primary, replicas or nodes');
  }
  if (discover !== undefined && typeof discover !== 'function') {
    throw badOption('discover', 'must be a function');
  }
  if (onWriteInReplicaScope !== 'route' && onWriteInReplicaScope !== 'reject') {
    throw badOption('onWriteInReplicaScope', "must be 'route' or 'reject'");
  }
  requireNumber('maxLagMs', maxLagMs, 1, Number.POSITIVE_INFINITY);
  const durations = { probeIntervalMs, probeTimeoutMs, downtimeMs, discoverIntervalMs, discoverTimeoutMs };
  for (const [key, value] of Object.entries(durations)) requireNumber(key, value, 1, longestTimer);
  requireNumber('failureThreshold', failureThreshold, 1, Number.MAX_SAFE_INTEGER);
  requireNumber('failoverWaitMs', failoverWaitMs, 0, longestTimer);
  requireNumber('waitForReplicaMs', waitForReplicaMs, 0, longestTimer);
  if (typeof staleIfError !== 'boolean') throw badOption('staleIfError', 'must be true or false');
  requireNumber('slowStartMs', slowStartMs, 0, longestTimer);
  requireZone(zone);
  if (logger !== undefined) requireLogger(logger);
  const poolConfig = { ...base, password: options.password };
  return Object.freeze({
    name,
    base: poolConfig,
    nodes: discover === undefined ? namedNodes(poolConfig, { primary, replicas, nodes }) : [],
    discover,
    discoveryBase: discover === undefined ? poolConfig : discoveryBase(poolConfig),
    balance,
    zone,
    slowStartMs,
    onWriteInReplicaScope,
    maxLagMs,
    ...durations,
    failureThreshold,
    waitMs: Math.min(failoverWaitMs, base.connectionTimeoutMillis || failoverWaitMs),
    connectMs: base.connectionTimeoutMillis || undefined,
    waitForReplicaMs,
    staleIfError,
    primaryReads: resolvePrimaryReads(primaryReads, base.connectionTimeoutMillis),
    logger,
  });
}

function requireLogger(logger: Logger): void {
  for (const level of ['info', 'warn', 'error'] as const) {
    if (typeof logger?.[level] !== 'function') throw badOption('logger', `must have a function ${level}`);
  }
}
