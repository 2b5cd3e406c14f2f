import { barePolicy } from './bare-policy.js';
import type { BareServers } from './bare-servers.js';
import type { Browser, Policy, Shown } from './policy.js';

const cookieMs = 5_000;

/**
 * django_replicated: a write sets a cookie for 5 s, which sends the request that brings it to the primary. The
 * response to such a request takes the cookie away again, unless that request wrote.
 */
class SingleUseCookie implements Browser {
  readonly #servers: BareServers;
  #until = 0;

  constructor(servers: BareServers) {
    this.#servers = servers;
  }

  async read(board: number): Promise<Shown> {
    if (performance.now() >= this.#until) return this.#servers.readReplica(board);
    const shown = await this.#servers.readPrimary(board);
    this.#until = 0;
    return shown;
  }

  async post(board: number): Promise<number> {
    const version = await this.#servers.post(board);
    this.#until = performance.now() + cookieMs;
    return version;
  }
}

export const singleUseCookie: Policy = barePolicy(
  'django_replicated: one GET, 5 s',
  (servers) => new SingleUseCookie(servers),
);
