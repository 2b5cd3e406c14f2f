import type { ReplicatedPool } from '@node-replicated/pg';
import type pg from 'pg';
import Cursor from 'pg-cursor';
import { describe, expect, it } from 'vitest';
import { cluster, notes, pool, stageLeases } from './pool-stage.js';
import {
  during,
  duringGet,
  eventually,
  failureOf,
  heard,
  inUse,
  numberOn,
  openPool,
  request,
  within,
} from './stage.js';

stageLeases();

describe('release', () => {
  it('after an error in a transaction leaves all connections clean', async () => {
    const own = await openPool(cluster, { name: 'clean', max: 2 });
    for (const method of ['GET', 'POST']) {
      await during(request(method), async () => {
        const client = await own.connect();
        await client.query('BEGIN');
        await client.query("INSERT INTO notes (body) VALUES ('left')");
        await failureOf(client.query('SELECT * FROM missing'));
        await client.query('ROLLBACK');
        client.release();
      });
      await expectAllClean(own);
    }
    expect(await notes('left')).toBe(0);
    await own.end();
  });

  it.each([
    ['open', async (client: pg.PoolClient) => void (await client.query('BEGIN'))],
    [
      'failed',
      async (client: pg.PoolClient) => {
        await client.query('BEGIN');
        await failureOf(client.query('SELECT * FROM missing'));
      },
    ],
    [
      'open and unanswered',
      async (client: pg.PoolClient) => {
        client.query('BEGIN').catch(() => undefined);
        client.query("INSERT INTO notes (body) VALUES ('left')").catch(() => undefined);
      },
    ],
  ])('inside an %s transaction closes the connection and says so', async (_, prepare) => {
    const own = await openPool(cluster, { name: 'dirty', max: 1 });
    const events = await heard(
      'dirty-release',
      async () => {
        const client = await own.connect();
        await prepare(client);
        client.release();
        await eventually('it was given back', () => inUse(own) === 0);
      },
      'dirty',
    );
    expect(events).toEqual([{ cluster: 'dirty', node: 'primary' }]);
    await expectAllClean(own);
    expect(await notes('left')).toBe(0);
    await own.end();
  });

  it('inside an open READ ONLY transaction on a replica closes the connection and says so', async () => {
    const events = await heard('dirty-release', async () => {
      await duringGet(async () => {
        const client = await pool.connect();
        await client.query('BEGIN READ ONLY');
        client.release();
      });
      await eventually('it was given back', () => inUse(pool) === 0);
    });
    expect(events).toMatchObject([{ cluster: 'main', node: expect.stringMatching(/^replica-/) }]);
  });

  it("a second time throws in pg-pool's words", async () => {
    for (const method of ['GET', 'POST']) {
      await during(request(method), async () => {
        const client = await pool.connect();
        client.release();
        expect(() => client.release()).toThrow(
          'Release called on client which has already been released to the pool.',
        );
      });
    }
  });

  it.each(['GET', 'POST'])('makes later statements fail, in a %s', async (method) => {
    await during(request(method), async () => {
      const client = await pool.connect();
      await client.query('SELECT 1');
      client.release();
      await expect(client.query('SELECT 1')).rejects.toThrow('not queryable');
    });
  });

  it.each([
    ['GET', true],
    ['POST', true],
    ['GET', new Error('broken')],
    ['POST', new Error('broken')],
  ])('in a %s with %s closes the connection', async (method, reason) => {
    await during(request(method), async () => {
      const client = await pool.connect();
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid, inet_server_port() AS port');
      client.release(reason);
      await expectGone(rows[0]);
    });
  });

  it.each(['GET', 'POST'])("in a %s with the database's own error closes the connection", async (method) => {
    await during(request(method), async () => {
      const client = await pool.connect();
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid, inet_server_port() AS port');
      const error = await failureOf(client.query('SELECT * FROM missing'));
      client.release(error);
      await eventually('it was given back', () => inUse(pool) === 0, 2_000);
      await expectGone(rows[0]);
    });
  });

  it.each(['GET', 'POST'])(
    'in a %s with an error does not wait for a statement that is under way',
    async (method) => {
      await during(request(method), async () => {
        const client = await pool.connect();
        await client.query('SELECT 1');
        const slow = failureOf(client.query('SELECT pg_sleep(10)'));
        client.release(new Error('given up'));
        await within(2_000, 'the statement ends', slow);
      });
    },
  );

  it.each(['GET', 'POST'])(
    'in a %s with a cursor that is still open gives the connection up',
    async (method) => {
      await during(request(method), async () => {
        const client = await pool.connect();
        const cursor = client.query(new Cursor('SELECT generate_series(1, 1000)'));
        expect(await cursor.read(2)).toHaveLength(2);
        client.release();
        await eventually('it was given back', () => inUse(pool) === 0, 4_000);
      });
    },
  );

  async function expectGone({ pid, port }: { pid: number; port: number }): Promise<void> {
    const node = cluster.nodes.find(({ serverPort }) => serverPort === port) ?? cluster.primary;
    await eventually(
      'the session is gone',
      async () => {
        return (await numberOn(node, `SELECT count(*) AS n FROM pg_stat_activity WHERE pid = ${pid}`)) === 0;
      },
      3_000,
    );
  }

  async function expectAllClean(own: ReplicatedPool): Promise<void> {
    await eventually('all are idle', () => inUse(own) === 0);
    const clients = await Promise.all(Array.from({ length: own.options.max }, () => own.connect()));
    for (const client of clients) {
      expect(client.getTransactionStatus()).toBe('I');
      const { rows } = await client.query('SELECT now() = statement_timestamp() AS fresh');
      expect(rows).toEqual([{ fresh: true }]);
      client.release();
    }
  }
});

describe('query_timeout', () => {
  it.each(['GET', 'POST'])('ends the wait of a leased client in a %s', async (method) => {
    const own = await openPool(cluster, { name: 'impatient', query_timeout: 1_000 });
    await during(request(method), async () => {
      const client = await own.connect();
      const began = performance.now();
      await expect(client.query('SELECT pg_sleep(8)')).rejects.toThrow('Query read timeout');
      expect(performance.now() - began).toBeLessThan(5_000);
      client.release(true);
    });
    await own.end();
  });
});
