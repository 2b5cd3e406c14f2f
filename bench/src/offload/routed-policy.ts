import { defineReplication, type ReplicationConfig } from '@node-replicated/core';
import {
  openRequest,
  type RequestFacts,
  readyToSeal,
  runInScope,
  type Scope,
  sealResponse,
} from '@node-replicated/core/adapter';
import type { LocalCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import { openRouted, serverOf } from '../open-pools.js';
import { type BoardRow, postToBoard, selectBoard, versionIn } from './boards.js';
import type { Browser, Policy, Shown } from './policy.js';

/** What of this library's settings differs between rows. */
interface RoutedSettings {
  readonly forMs: number;
  readonly monotonicReads?: boolean;
}

/** This library: each request has a scope, and its response a seal, as an adapter of a framework makes them. */
function routedPolicy(name: string, { forMs, monotonicReads = false }: RoutedSettings): Policy {
  return {
    name,
    watches: true,
    async open(cluster) {
      const config = defineReplication({
        secret: 'a secret of the benchmark, 32 bytes or more',
        pin: { forMs },
        monotonicReads,
      });
      const pool = await openWatched(cluster);
      return {
        freeStatements: 0,
        openBrowser: () => new RoutedBrowser(pool, config),
        [Symbol.asyncDispose]: () => pool.end(),
      };
    },
  };
}

/** A pool that has looked at each of its nodes. */
async function openWatched(cluster: LocalCluster): Promise<ReplicatedPool> {
  const pool = openRouted(serverOf(cluster.primary), cluster.replicas.map(serverOf));
  await pool.query('SELECT 1');
  return pool;
}

/** It keeps the cookie that arrived last, whichever request that answers. */
class RoutedBrowser implements Browser {
  readonly #pool: ReplicatedPool;
  readonly #config: ReplicationConfig;
  #cookie: string | undefined;

  constructor(pool: ReplicatedPool, config: ReplicationConfig) {
    this.#pool = pool;
    this.#config = config;
  }

  async read(board: number): Promise<Shown> {
    const scope = this.#open('GET', board);
    const version = await this.#run(scope, selectBoard, board);
    // Where a statement was tried on several nodes, the last one has served it.
    return { version, onPrimary: scope.session.uses.at(-1)?.role === 'primary' };
  }

  post(board: number): Promise<number> {
    return this.#run(this.#open('POST', board), postToBoard, board);
  }

  #open(method: string, board: number): Scope {
    const headers = this.#cookie === undefined ? {} : { cookie: this.#cookie };
    const facts: RequestFacts = { method, path: `/boards/${board}`, headers, secure: false };
    return openRequest(this.#config, facts);
  }

  async #run(scope: Scope, text: string, board: number): Promise<number> {
    const { rows } = await runInScope(scope, () => this.#pool.query<BoardRow>(text, [board]));
    await readyToSeal(scope);
    const cookie = sealResponse(scope)?.cookie;
    if (cookie !== undefined) this.#cookie = cookie.slice(0, cookie.indexOf(';'));
    return versionIn(rows);
  }
}

/** The row that the goals are about. */
export const released: Policy = routedPolicy('ours, forMs 0', { forMs: 0 });

/** The row that must never show less than it has shown before. */
export const monotonic: Policy = routedPolicy('ours, forMs 0, monotonicReads', {
  forMs: 0,
  monotonicReads: true,
});

/** The default. */
export const pinnedForSeconds: Policy = routedPolicy('ours, forMs 5000', { forMs: 5_000 });
