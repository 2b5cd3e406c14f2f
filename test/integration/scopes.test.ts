import { once } from 'node:events';
import { currentScope } from '@node-replicated/core/adapter';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { cluster, stageLeases } from './pool-stage.js';
import { during, openPool, request } from './stage.js';

stageLeases();

describe('scopes', () => {
  it('are not mixed up by 1,000 requests of both roles, in promises, callbacks and leases', async () => {
    const own = await openPool(cluster, { name: 'crowd', max: 3 });
    const handle = async (i: number): Promise<void> => {
      const scope = currentScope();
      const seen: unknown[] = [];
      switch (i % 5) {
        case 0:
          await own.query('SELECT 1');
          break;
        case 1:
          await new Promise<void>((resolve, reject) => {
            own.query('SELECT 1', (error: Error) => {
              seen.push(currentScope());
              error ? reject(error) : resolve();
            });
          });
          break;
        case 2:
          await new Promise<void>((resolve, reject) => {
            own.connect((error, client, release) => {
              seen.push(currentScope());
              if (client === undefined) return reject(error);
              client.query('SELECT 1', (failure) => {
                seen.push(currentScope());
                release();
                failure ? reject(failure) : resolve();
              });
            });
          });
          break;
        case 3:
          await new Promise<void>((resolve) => {
            own.query('SELECT * FROM missing', () => {
              seen.push(currentScope());
              resolve();
            });
          });
          break;
        default: {
          const client = await own.connect();
          seen.push(currentScope());
          await client.query('SELECT 1').finally(() => client.release());
        }
      }
      seen.push(currentScope());
      for (const one of seen) expect(one).toBe(scope);
      expect(scope?.session.wrote()).toBe(i % 2 === 1);
    };
    const requests = Array.from({ length: 1_000 }, (_, i) =>
      during(request(i % 2 === 0 ? 'GET' : 'POST'), () => handle(i)),
    );
    await Promise.all(requests);
    await own.end();
  });

  it('of the request that opened a connection are not seen by its events', async () => {
    const own = await openPool(cluster, { name: 'opener', max: 1 });
    const seen: unknown[] = [];
    for (const method of ['GET', 'POST']) {
      await during(request(method), async () => {
        const client = await own.connect();
        client.on('notice', () => seen.push(currentScope()));
        await client.query("DO $$ BEGIN RAISE NOTICE 'look'; END $$");
        client.release();
      });
      await during(request(method), async () => {
        const scope = currentScope();
        const query = new pg.Query('SELECT 1');
        query.on('row', () => seen.push(currentScope() === scope ? undefined : currentScope()));
        const client = await own.connect();
        client.query(query);
        await once(query, 'end');
        client.release();
      });
    }
    expect(seen).toEqual([undefined, undefined, undefined, undefined]);
    await own.end();
  });
});
