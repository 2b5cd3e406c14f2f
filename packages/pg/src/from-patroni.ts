import { ReplicationError } from '@node-replicated/core';
import { badOption } from '@node-replicated/core/adapter';
import type { Discover } from './discover.js';
import { type FetchTls, fetchJson } from './fetch-json.js';
import type { NodeOptions } from './node-options.js';
import { type PatroniMember, readMembers } from './patroni-members.js';

export interface PatroniOptions {
  /** ms that one Patroni has for its answer, before the next one is asked. @default 1000 */
  readonly timeoutMs?: number;
  /** What is sent along, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For REST interfaces with certificates of their own: what Node's `tls.connect` takes of these. */
  readonly tls?: FetchTls;
  /** Gives settings of a node beyond its name, host and port; its tags are those of Patroni's configuration. */
  readonly node?: (member: PatroniMember) => Exclude<NodeOptions, string>;
}

/**
 * Discovers the nodes of a cluster that Patroni runs, from `GET /cluster` of its REST interface. The Patronis are
 * asked in turn, beginning with the one that answered last.
 *
 * What Patroni says of roles only sorts the list: who is who is observed. A replica tagged `noloadbalance` is left
 * out, as Patroni leaves it out itself, until it leads.
 *
 * @param urls one or more addresses of REST interfaces, such as `http://pg-1:8008`
 * @throws ERR_OPTION
 */
export function fromPatroni(urls: string | readonly string[], options: PatroniOptions = {}): Discover {
  const addresses = (Array.isArray(urls) ? urls : [urls]).map(readAddress);
  if (addresses.length === 0) throw badOption('fromPatroni', 'needs at least one address');
  const { timeoutMs = 1_000, headers = {}, tls = {}, node } = options;
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 1)) {
    throw badOption('fromPatroni.timeoutMs', 'must be a number from 1');
  }
  let first = 0;
  return async ({ signal }) => {
    const failures: string[] = [];
    for (let turn = 0; turn < addresses.length; turn += 1) {
      const index = (first + turn) % addresses.length;
      const address = addresses[index] as URL;
      try {
        const answer = await fetchJson(address, { signal, timeoutMs, headers, tls });
        const members = readMembers(answer).filter(isUsable);
        if (members.length === 0) throw new Error('it names no member that could serve');
        first = index;
        return members.map((member) => {
          const { name, host, port } = member;
          return { name, host, port, ...node?.(member) };
        });
      } catch (error) {
        signal.throwIfAborted();
        failures.push(`${address.host}: ${error instanceof Error ? error.message : error}`);
      }
    }
    throw new ReplicationError('ERR_DISCOVERY', `No Patroni has told the nodes (${failures.join('; ')}).`);
  };
}

function isUsable({ isLeader, tags }: PatroniMember): boolean {
  return isLeader || tags.noloadbalance !== true;
}

function readAddress(address: string): URL {
  const url = typeof address === 'string' && URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw badOption('fromPatroni', 'an address must be one such as http://pg-1:8008');
  }
  return new URL('cluster', url.href.endsWith('/') ? url : `${url.href}/`);
}
