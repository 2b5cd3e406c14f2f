import { isDeepStrictEqual } from 'node:util';
import { badOption } from '@node-replicated/core/adapter';
import type pg from 'pg';
import { parse } from 'pg-connection-string';
import { splitHosts, splitUrls } from './multi-host.js';
import { type NodePlacement, type NodePlacementOptions, resolvePlacement } from './node-placement.js';

/** A node: a connection string, or what `pg` takes to connect. A connection string with several hosts is several nodes. */
export type NodeOptions =
  | string
  | (pg.ClientConfig &
      NodePlacementOptions & {
        /** What the node is called in events, `status()` and `req.replication.nodes`. @default host:port */
        readonly name?: string;
      });

/** A node's resolved settings. */
export interface NodeSettings extends NodePlacement {
  readonly name: string;
  readonly config: pg.PoolConfig;
  /** The address as it was given, for an application's own class of clients; `config` says all of it too. */
  readonly address: string | undefined;
}

/** Where the nodes stand in the options of a pool. */
export interface NodeSources {
  readonly primary?: NodeOptions | undefined;
  readonly replicas?: readonly NodeOptions[] | undefined;
  readonly nodes?: string | readonly NodeOptions[] | undefined;
}

type NodeConfig = pg.PoolConfig &
  NodePlacementOptions & { readonly name?: string; readonly address?: string | undefined };

/** More nodes than this are taken for a mistake. */
const mostNodes = 256;

const namePattern = /^\P{C}{1,255}$/u;

/**
 * The nodes that a pool's options name.
 *
 * @param base the settings of the pool, which hold for each node
 * @throws ERR_OPTION, naming the option
 */
export function namedNodes(base: pg.PoolConfig, sources: NodeSources): readonly NodeSettings[] {
  const { primary, replicas } = sources;
  const nodes = typeof sources.nodes === 'string' ? [sources.nodes] : sources.nodes;
  if (nodes !== undefined) return resolveNodes(base, nodes);
  const fromEnvironment = primary === undefined && !isGiven(base) ? process.env.DATABASE_URL : undefined;
  const others =
    replicas ?? (fromEnvironment === undefined ? [] : splitUrls(process.env.DATABASE_REPLICA_URLS));
  requireList('replicas', others);
  return resolveNodes(base, [primary ?? fromEnvironment ?? {}, ...others]);
}

/**
 * What discovered nodes do not say themselves: the settings of the pool, or of `DATABASE_URL`, but for its hosts.
 *
 * @throws ERR_OPTION when the connection string cannot be read
 */
export function discoveryBase(base: pg.PoolConfig): pg.PoolConfig {
  const url = isGiven(base) ? undefined : process.env.DATABASE_URL;
  const [config = {}] = expandUrl(url === undefined ? base : { ...base, connectionString: url });
  return config;
}

/**
 * Resolves a list of nodes.
 *
 * @throws ERR_OPTION
 */
export function resolveNodes(base: pg.PoolConfig, nodes: readonly NodeOptions[]): readonly NodeSettings[] {
  requireList('nodes', nodes);
  if (nodes.length === 0) throw badOption('nodes', 'must name at least one node');
  const configs = nodes.slice(0, mostNodes + 1).flatMap((node) => nodeConfigs(base, node));
  if (configs.length > mostNodes) throw badOption('nodes', `must be no more than ${mostNodes}`);
  return nameNodes(configs);
}

/** Whether two nodes of one name are one, so that connections to it may stay. */
export function isSameNode(a: NodeSettings, b: NodeSettings): boolean {
  return isDeepStrictEqual(a, b);
}

function isGiven(base: pg.PoolConfig): boolean {
  return base.connectionString !== undefined || base.host !== undefined;
}

/** A node's settings: its own, or those of its own connection string, over the pool's. Several hosts are several nodes. */
function nodeConfigs(base: pg.PoolConfig, node: NodeOptions): readonly NodeConfig[] {
  if (typeof node !== 'string' && (typeof node !== 'object' || node === null)) {
    throw badOption('nodes', 'a node must be a connection string or an object');
  }
  const all = expandUrl<NodeConfig>(base);
  return expandUrl<NodeConfig>(typeof node === 'string' ? { connectionString: node } : node).flatMap((own) =>
    (own.host === undefined ? all : all.slice(0, 1)).map((shared) => ({
      ...shared,
      ...own,
      password: own.password ?? shared.password,
      address: own.host === undefined ? shared.address : own.address,
    })),
  );
}

/** Puts what a connection string says in its place. As in `pg`, the string goes before the settings beside it. */
function expandUrl<C extends pg.PoolConfig>(config: C): readonly C[] {
  const { connectionString, ...rest } = { ...config, password: config.password };
  if (connectionString === undefined) return [rest as C];
  return splitHosts(requireText('connectionString', connectionString)).map(
    (url) => ({ ...rest, ...readUrl(url), address: url }) as C,
  );
}

function readUrl(url: string): pg.PoolConfig {
  const { target_session_attrs: target, load_balance_hosts: _, ...settings } = parseUrl(url);
  requireTarget(target);
  return settings;
}

function parseUrl(url: string): Record<string, unknown> {
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

/** What libpq lets a connection string ask of a session, and this library does anyway: who serves is decided per statement. */
const knownTargets: ReadonlySet<unknown> = new Set([
  undefined,
  'any',
  'read-write',
  'primary',
  'prefer-standby',
]);

function requireTarget(target: unknown): void {
  if (knownTargets.has(target)) return;
  throw badOption(
    'connectionString',
    target === 'read-only' || target === 'standby'
      ? `target_session_attrs=${target} cannot be kept: what writes goes to the primary`
      : 'target_session_attrs is none that libpq knows',
  );
}

function nameNodes(configs: readonly NodeConfig[]): readonly NodeSettings[] {
  for (const { name = 'unnamed', host = 'here' } of configs) {
    if (typeof host !== 'string') throw badOption('nodes', "a node's host must be a string");
    if (typeof name !== 'string' || !namePattern.test(name)) {
      throw badOption('nodes', 'the name of a node must be 1 to 255 characters that can be printed');
    }
  }
  const names = configs.map((config) => config.name ?? hostAndPort(config));
  const counted = names.map((name, index) => {
    const shared = configs[index]?.name === undefined && names.indexOf(name) !== names.lastIndexOf(name);
    return shared ? `${name}/${configs[index]?.database ?? ''}` : name;
  });
  const twice = counted.find((name, index) => counted.indexOf(name) !== index);
  if (twice !== undefined) throw badOption('nodes', `two nodes are called '${twice}'`);
  return configs.map(({ name: _, address, weight, zone, ...config }, index) => {
    const placement = resolvePlacement({
      ...(weight !== undefined && { weight }),
      ...(zone !== undefined && { zone }),
    });
    return Object.freeze({
      name: counted[index] ?? '',
      ...placement,
      config: Object.freeze(config),
      address,
    });
  });
}

function hostAndPort({ host = process.env.PGHOST ?? 'localhost', port }: pg.PoolConfig): string {
  const place = host.includes(':') ? `[${host}]` : host || 'localhost';
  return `${place}:${port || process.env.PGPORT || 5432}`;
}

function requireList(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw badOption(name, 'must be a list');
}

function requireText(name: string, value: unknown): string {
  if (typeof value !== 'string') throw badOption(name, 'must be a string');
  return value;
}
