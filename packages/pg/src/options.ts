import { badOption, clusterNamePattern } from '@node-replicated/core/adapter';
import type { Balancer, BalancerName, MonitorSettings } from '@node-replicated/core/cluster';
import type pg from 'pg';
import { parse } from 'pg-connection-string';

/** A node: a connection string, or what `pg` takes to connect. */
export type NodeOptions =
  | string
  | (pg.ClientConfig & {
      /** What the node is called in events, `status()` and `req.replication.nodes`. @default host:port */
      readonly name?: string;
    });

/**
 * The settings of a pool. All that `pg.Pool` takes may stand here as well and holds for every node; a node's own
 * settings go first. Sizes, such as `max`, are per node and pool: see `docs/options.md` for the total.
 */
export interface ReplicatedPoolOptions extends pg.PoolConfig, Partial<MonitorSettings> {
  /** What pins and events call this cluster; needed where a process has several. @default 'main' */
  readonly name?: string;
  /** @default `DATABASE_URL`, or what `pg` itself would connect to */
  readonly primary?: NodeOptions;
  /** @default `DATABASE_REPLICA_URLS`, comma-separated, when the primary comes from the environment too */
  readonly replicas?: readonly NodeOptions[];
  /** All nodes, in place of `primary` and `replicas`: who is who is observed anyway. */
  readonly nodes?: readonly NodeOptions[];
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
  /** Connections for reads on the primary, apart from those for writes. */
  readonly primaryReads?: { /** @default the pool's `max` */ readonly max?: number };
}

/** The longest time that a timer of Node can wait, in ms. */
const longestTimer = 2 ** 31 - 1;

export interface NodeSettings {
  readonly name: string;
  readonly config: pg.PoolConfig;
}

/** Resolved options. */
export interface PoolSettings extends MonitorSettings {
  readonly name: string;
  /** What `pg.Pool` itself was given. */
  readonly base: pg.PoolConfig;
  readonly nodes: readonly NodeSettings[];
  readonly balance: BalancerName | Balancer;
  readonly onWriteInReplicaScope: 'route' | 'reject';
  readonly maxLagMs: number;
  /** For how many ms a statement waits for a node: no longer than it may wait for a connection. */
  readonly waitMs: number;
  /** For how many ms it waits at most, with the first look at every node; undefined: as long as that takes. */
  readonly connectMs: number | undefined;
  readonly waitForReplicaMs: number;
  readonly primaryReadsMax: number | undefined;
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
    balance = 'least-busy',
    onWriteInReplicaScope = 'route',
    maxLagMs = 10_000,
    probeIntervalMs = 1_000,
    probeTimeoutMs = 500,
    failureThreshold = 3,
    downtimeMs = 60_000,
    failoverWaitMs = 5_000,
    waitForReplicaMs = 0,
    primaryReads,
    ...base
  } = options;
  if (typeof name !== 'string' || !clusterNamePattern.test(name)) {
    throw badOption('name', 'must be 1 to 32 letters, digits, - or _');
  }
  if (nodes !== undefined && (primary !== undefined || replicas !== undefined)) {
    throw badOption('nodes', 'cannot stand beside primary or replicas');
  }
  if (onWriteInReplicaScope !== 'route' && onWriteInReplicaScope !== 'reject') {
    throw badOption('onWriteInReplicaScope', "must be 'route' or 'reject'");
  }
  requireNumber('maxLagMs', maxLagMs, 1, Number.POSITIVE_INFINITY);
  const durations = { probeIntervalMs, probeTimeoutMs, downtimeMs };
  for (const [key, value] of Object.entries(durations)) requireNumber(key, value, 1, longestTimer);
  requireNumber('failureThreshold', failureThreshold, 1, Number.MAX_SAFE_INTEGER);
  requireNumber('failoverWaitMs', failoverWaitMs, 0, longestTimer);
  requireNumber('waitForReplicaMs', waitForReplicaMs, 0, longestTimer);
  if (primaryReads?.max !== undefined)
    requireNumber('primaryReads.max', primaryReads.max, 1, Number.MAX_SAFE_INTEGER);
  const poolConfig = { ...base, password: options.password };
  return Object.freeze({
    name,
    base: poolConfig,
    nodes: nameNodes(listNodes(poolConfig, primary, replicas, nodes)),
    balance,
    onWriteInReplicaScope,
    maxLagMs,
    ...durations,
    failureThreshold,
    waitMs: Math.min(failoverWaitMs, base.connectionTimeoutMillis || failoverWaitMs),
    connectMs: base.connectionTimeoutMillis || undefined,
    waitForReplicaMs,
    primaryReadsMax: primaryReads?.max,
  });
}

type NodeConfig = pg.PoolConfig & { readonly name?: string };

function listNodes(
  base: pg.PoolConfig,
  primary: NodeOptions | undefined,
  replicas: readonly NodeOptions[] | undefined,
  nodes: readonly NodeOptions[] | undefined,
): readonly NodeConfig[] {
  if (nodes !== undefined) {
    requireList('nodes', nodes);
    if (nodes.length === 0) throw badOption('nodes', 'must name at least one node');
    return nodes.map((node) => nodeConfig(base, node));
  }
  const given = base.connectionString !== undefined || base.host !== undefined;
  const fromEnvironment = primary === undefined && !given ? process.env.DATABASE_URL : undefined;
  const others =
    replicas ?? (fromEnvironment === undefined ? [] : splitUrls(process.env.DATABASE_REPLICA_URLS));
  requireList('replicas', others);
  return [primary ?? fromEnvironment ?? {}, ...others].map((node) => nodeConfig(base, node));
}

function splitUrls(urls = ''): readonly string[] {
  return urls
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '');
}

/** One node's settings: its own, or those of its own connection string, over the pool's. */
function nodeConfig(base: pg.PoolConfig, node: NodeOptions): NodeConfig {
  if (typeof node !== 'string' && (typeof node !== 'object' || node === null)) {
    throw badOption('nodes', 'a node must be a connection string or an object');
  }
  const shared = expandUrl(base);
  const own = expandUrl<NodeConfig>(typeof node === 'string' ? { connectionString: node } : node);
  return { ...shared, ...own, password: own.password ?? shared.password };
}

/** Puts what a connection string says in its place. As in `pg`, the string goes before the settings beside it. */
function expandUrl<C extends pg.PoolConfig>(config: C): C {
  const { connectionString, ...rest } = { ...config, password: config.password };
  return { ...rest, ...(connectionString !== undefined && readUrl(connectionString)) } as C;
}

function readUrl(url: string): pg.PoolConfig {
  try {
    const known = Object.entries(parse(url)).filter(([, value]) => value !== undefined && value !== null);
    return Object.fromEntries(known);
  } catch {
    throw badOption(
      'connectionString',
      'is not a PostgreSQL address such as postgresql://user@host:5432/database',
    );
  }
}

function nameNodes(configs: readonly NodeConfig[]): readonly NodeSettings[] {
  const names = configs.map((config) => config.name ?? address(config));
  const counted = names.map((name, index) => {
    const shared = configs[index]?.name === undefined && names.indexOf(name) !== names.lastIndexOf(name);
    return shared ? `${name}/${configs[index]?.database ?? ''}` : name;
  });
  const twice = counted.find((name, index) => counted.indexOf(name) !== index);
  if (twice !== undefined) throw badOption('nodes', `two nodes are called '${twice}'`);
  return configs.map(({ name: _, ...config }, index) =>
    Object.freeze({ name: counted[index] ?? '', config: Object.freeze(config) }),
  );
}

function address({ host = process.env.PGHOST ?? 'localhost', port }: pg.PoolConfig): string {
  return `${host || 'localhost'}:${port || process.env.PGPORT || 5432}`;
}

function requireNumber(name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    throw badOption(name, `must be a number from ${least} to ${most}`);
  }
}

function requireList(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw badOption(name, 'must be a list');
}
