import type { LocalCluster } from '@node-replicated/local-cluster';
import type pg from 'pg';
import { BareServers } from './bare-servers.js';
import type { OpenPolicy, Policy } from './policy.js';
import { askReplayed, PositionLookup, type PositionSource } from './position-lookup.js';

/**
 * The limit: it knows where every node is at the moment of each read, at no cost. It asks over pools of its own, and
 * neither the statements nor the time that they take are counted.
 */
export const oracle: Policy = {
  name: 'oracle',
  watches: false,
  async open(cluster) {
    return new Oracle(cluster);
  },
};

class Oracle implements OpenPolicy, PositionSource {
  readonly #servers: BareServers;
  readonly #own: BareServers;
  freeStatements = 0;

  constructor(cluster: LocalCluster) {
    this.#servers = new BareServers(cluster);
    this.#own = new BareServers(cluster);
  }

  openBrowser(): PositionLookup {
    return new PositionLookup(this.#servers, this, true);
  }

  written(): Promise<string> {
    this.freeStatements += 1;
    return this.#own.writtenLsn();
  }

  async hasReplayed(replica: pg.Pool, lsn: string): Promise<boolean> {
    const own = this.#own.replicas[this.#servers.replicas.indexOf(replica)];
    if (own === undefined) throw new RangeError('That replica is not known.');
    this.freeStatements += 1;
    return askReplayed(own, lsn);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#servers[Symbol.asyncDispose](), this.#own[Symbol.asyncDispose]()]);
  }
}
