import { promises as dns } from 'node:dns';
import { ReplicationError } from '@node-replicated/core';
import { badOption } from '@node-replicated/core/adapter';
import type { Discover } from './discover.js';
import type { NodeOptions } from './node-options.js';

/** What `fromDns` asks; `dns.promises` of Node is one, and so is each of its `Resolver`s. */
export interface DnsResolver {
  resolve4(name: string): Promise<string[]>;
  resolve6(name: string): Promise<string[]>;
  resolveSrv(name: string): Promise<SrvRecord[]>;
}

interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** What DNS says of a node. */
export interface DnsNode {
  /** An address, or the target of an SRV record. */
  readonly host: string;
  /** undefined where only an address is known. */
  readonly port: number | undefined;
  /** Of an SRV record: the lower, the more it is preferred. */
  readonly priority: number | undefined;
  /** Of an SRV record: the higher, the more of the load it can take. */
  readonly weight: number | undefined;
}

export interface DnsOptions {
  /** Which records are read. @default 'SRV' for a name that begins with _, both kinds of addresses for any other */
  readonly records?: 'A' | 'AAAA' | 'SRV';
  /** The port of nodes that are known by address. @default the pool's, or 5432 */
  readonly port?: number;
  /** The DNS servers to ask, as addresses with or without a port. @default the system's */
  readonly servers?: readonly string[];
  /** Asked in place of a resolver of our own. */
  readonly resolver?: DnsResolver;
  /** Gives settings of a node beyond its host and port. */
  readonly node?: (found: DnsNode) => Exclude<NodeOptions, string>;
}

/** ms that a DNS server has for an answer, before the next one is asked. */
const answerMs = 1_000;

const hostPattern = /^[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_-])?$/i;

/**
 * Discovers nodes by a DNS name: each of its addresses, or each target of its SRV records, is a node. DNS is asked
 * directly, so the name must be a full one, and files such as `/etc/hosts` do not count.
 *
 * A look fails, and leaves the nodes that are known, when DNS does not answer, or has nothing under the name.
 *
 * @param name such as `replicas.db.example` or `_postgresql._tcp.db.example`
 * @throws ERR_OPTION
 */
export function fromDns(name: string, options: DnsOptions = {}): Discover {
  const { records = name?.startsWith('_') ? 'SRV' : undefined, port, servers, resolver, node } = options;
  if (typeof name !== 'string' || !hostPattern.test(name.replace(/\.$/, ''))) {
    throw badOption('fromDns', 'the name must be that of a host or a service');
  }
  if (records !== undefined && !['A', 'AAAA', 'SRV'].includes(records)) {
    throw badOption('fromDns.records', "must be 'A', 'AAAA' or 'SRV'");
  }
  if (port !== undefined && !isPort(port)) throw badOption('fromDns.port', 'must be a port');
  if (servers !== undefined) makeResolver(servers);
  return async ({ signal }) => {
    const asked = resolver ?? cancelledBy(signal, makeResolver(servers));
    const found = unique(records === 'SRV' ? await findServices(asked, name) : await findHosts());
    if (found.length === 0) throw new ReplicationError('ERR_DISCOVERY', `DNS has no node under ${name}.`);
    return found.map((one) => ({ host: one.host, ...(one.port && { port: one.port }), ...node?.(one) }));

    async function findHosts(): Promise<readonly DnsNode[]> {
      const kinds = [
        ...(records === 'AAAA' ? [] : [orNothing(asked.resolve4(name))]),
        ...(records === 'A' ? [] : [orNothing(asked.resolve6(name))]),
      ];
      const addresses = (await Promise.all(kinds)).flat();
      return addresses.map((host) => ({ host, port, priority: undefined, weight: undefined }));
    }
  };
}

async function findServices(resolver: DnsResolver, name: string): Promise<readonly DnsNode[]> {
  const services = await orNothing(resolver.resolveSrv(name));
  return services
    .map(({ name: target, ...rest }) => ({ host: target.replace(/\.$/, ''), ...rest }))
    .filter(({ host, port }) => hostPattern.test(host) && isPort(port))
    .toSorted((a, b) => a.priority - b.priority);
}

function makeResolver(servers: readonly string[] | undefined): dns.Resolver {
  const resolver = new dns.Resolver({ timeout: answerMs, tries: 2 });
  if (servers === undefined) return resolver;
  try {
    resolver.setServers(servers);
  } catch {
    throw badOption('fromDns.servers', 'must be a list of addresses');
  }
  return resolver;
}

function cancelledBy(signal: AbortSignal, resolver: dns.Resolver): DnsResolver {
  signal.addEventListener('abort', () => resolver.cancel(), { once: true });
  return resolver;
}

/** A name without records of one kind may have others; any other failure says nothing about the name. */
async function orNothing<T>(asked: Promise<T[]>): Promise<T[]> {
  try {
    return await asked;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENODATA' || code === 'ENOTFOUND') return [];
    throw error;
  }
}

function unique(nodes: readonly DnsNode[]): readonly DnsNode[] {
  return [...new Map(nodes.map((node) => [`${node.host} ${node.port}`, node])).values()];
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536;
}
