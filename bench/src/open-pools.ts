import type { LocalCluster, LocalNode } from '@node-replicated/local-cluster';
import { ReplicatedPool } from '@node-replicated/pg';
import pg from 'pg';

/** How many statements are under way at any time, and how many connections each pool may have. */
export const concurrency = 16;

/** The pools of one benchmark: all alike, and ended together. They lead to the servers past any proxy. */
export class OpenPools implements AsyncDisposable {
  readonly #pools: pg.Pool[] = [];

  bare({ directUrl }: LocalNode): pg.Pool {
    return this.#keep(new pg.Pool({ connectionString: directUrl, max: concurrency }));
  }

  routed({ primary }: LocalCluster, replicas: readonly LocalNode[]): ReplicatedPool {
    return this.#keep(
      new ReplicatedPool({
        primary: optionsOf(primary),
        replicas: replicas.map(optionsOf),
        max: concurrency,
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.end()));
  }

  #keep<Pool extends pg.Pool>(pool: Pool): Pool {
    this.#pools.push(pool);
    return pool;
  }
}

function optionsOf({ name, directUrl }: LocalNode): { name: string; connectionString: string } {
  return { name, connectionString: directUrl };
}
