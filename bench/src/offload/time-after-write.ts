import { barePolicy } from './bare-policy.js';
import type { BareServers } from './bare-servers.js';
import type { Browser, Policy, Shown } from './policy.js';

/** The visitor's session remembers when it last wrote, and reads from the primary for some time after that. */
class TimeAfterWrite implements Browser {
  readonly #servers: BareServers;
  readonly #ms: number;
  #wroteAt = Number.NEGATIVE_INFINITY;

  constructor(servers: BareServers, ms: number) {
    this.#servers = servers;
    this.#ms = ms;
  }

  read(board: number): Promise<Shown> {
    const pinned = performance.now() - this.#wroteAt < this.#ms;
    return pinned ? this.#servers.readPrimary(board) : this.#servers.readReplica(board);
  }

  async post(board: number): Promise<number> {
    const version = await this.#servers.post(board);
    this.#wroteAt = performance.now();
    return version;
  }
}

function timeAfterWrite(name: string, ms: number): Policy {
  return barePolicy(name, (servers) => new TimeAfterWrite(servers, ms));
}

/** Ruby on Rails' `DatabaseSelector` with its usual delay, and makara with its usual `master_ttl`. */
export const timePolicies: readonly Policy[] = [
  timeAfterWrite('Rails: 2 s', 2_000),
  timeAfterWrite('makara: 5 s', 5_000),
];
