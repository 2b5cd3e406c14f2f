import { AsyncLocalStorage } from 'node:async_hooks';
import { currentScope } from '@node-replicated/core/adapter';
import type { ReplicatedPool } from '@node-replicated/pg';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { cluster, stageLeases } from './pool-stage.js';
import { during, openPool, request, whereSql } from './stage.js';

stageLeases();

type Told = (error: Error | null | undefined, result?: pg.QueryResult) => void;

/** Ways to run statements with callbacks, all of which end in `done` and tell `look` about each on the way. */
const ways: readonly ((pool: ReplicatedPool, look: Told, done: () => void) => void)[] = [
  (pool, look, done) => pool.query(whereSql, then(look, done)),
  (pool, look, done) => pool.query(`${whereSql} WHERE $1::int = 1`, [1], then(look, done)),
  (pool, look, done) => pool.query('SELECT * FROM missing', () => pool.query(whereSql, then(look, done))),
  (pool, look, done) => {
    pool.connect((_, client, release) => {
      look(undefined);
      client?.query(whereSql, (error, result) => {
        look(error, result);
        client.query(whereSql, then(look, release, done));
      });
    });
  },
  (pool, look, done) => {
    pool.connect((_, client, release) => {
      client?.query(whereSql, look);
      client?.query('SELECT * FROM missing', () => look(undefined));
      client?.query(whereSql, then(look, release, done));
    });
  },
  (pool, look, done) => {
    pool.connect((_, client, release) => {
      const query = new pg.Query(whereSql, then(look, release, done));
      client?.query(query);
    });
  },
  (pool, look, done) => {
    pool.connect((_, client, release) => {
      client?.query('BEGIN READ ONLY', () => {
        look(undefined);
        client.query(whereSql, (error, result) => {
          look(error, result);
          client.query(
            'COMMIT',
            then(() => look(undefined), release, done),
          );
        });
      });
    });
  },
];

describe('callbacks', () => {
  it('of 1,000 interleaved requests run in the context of their own, on connections that others opened', async () => {
    const pool = await openPool(cluster, { name: 'context', max: 2 });
    const store = new AsyncLocalStorage<number>();
    let looks = 0;
    const handle = (i: number): Promise<void> =>
      new Promise((resolve, reject) => {
        const scope = currentScope();
        const reading = i % 2 === 0;
        const look: Told = (error, result) => {
          try {
            looks += 1;
            expect(error ?? undefined).toBeUndefined();
            expect(store.getStore()).toBe(i);
            expect(currentScope()).toBe(scope);
            if (result !== undefined) expect(result.rows).toMatchObject([{ reader: reading }]);
          } catch (failed) {
            reject(failed);
          }
        };
        ways[Math.trunc(i / 2) % ways.length]?.(pool, look, () => {
          expect(scope?.session.wrote()).toBe(!reading && !onlyReads(i));
          resolve();
        });
      });
    const requests = Array.from({ length: 1_000 }, (_, i) =>
      during(request(i % 2 === 0 ? 'GET' : 'POST'), () => store.run(i, () => handle(i))),
    );
    await Promise.all(requests);
    expect(looks).toBeGreaterThan(1_500);
    expect(pool.totalCount).toBeLessThanOrEqual(8);
    await pool.end();
  });
});

/** Whether the request's only statements are in a READ ONLY transaction, which counts as no write. */
function onlyReads(i: number): boolean {
  return Math.trunc(i / 2) % ways.length === 6;
}

function then(look: Told, ...next: (() => void)[]): Told {
  return (error, result) => {
    look(error, result);
    for (const step of next) step();
  };
}
