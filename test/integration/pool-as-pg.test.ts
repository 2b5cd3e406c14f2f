import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { cluster, leased, pool, stageLeases } from './pool-stage.js';
import { during, duringGet, eventually, failureOf, openPool, request, within } from './stage.js';

stageLeases();

describe('as pg has it', () => {
  it('a pool is a pg.Pool and a leased client a pg.Client', async () => {
    expect(pool).toBeInstanceOf(pg.Pool);
    for (const method of ['GET', 'POST']) {
      await during(request(method), async () => {
        const client = await pool.connect();
        expect(client).toBeInstanceOf(pg.Client);
        client.release();
      });
    }
  });

  it('connect with a callback gives the client and a release of its own', async () => {
    for (const method of ['GET', 'POST']) {
      const answer = await new Promise<unknown>((resolve, reject) => {
        during(request(method), () =>
          pool.connect((error, client, release) => {
            if (error !== undefined || client === undefined) return reject(error);
            client.query('SELECT 1 AS one', (failure, result) => {
              release();
              failure ? reject(failure) : resolve(result.rows);
            });
          }),
        );
      });
      expect(answer).toEqual([{ one: 1 }]);
    }
  });

  it('a client cannot be connected again', async () => {
    await leased(async (client) => {
      await expect(client.connect()).rejects.toThrow('Client has already been connected');
    });
  });

  it('a client escapes identifiers and literals', async () => {
    await duringGet(() =>
      leased(async (client) => {
        expect(client.escapeIdentifier('a"b')).toBe('"a""b"');
        expect(client.escapeLiteral("a'b")).toBe("'a''b'");
      }),
    );
  });

  it('type parsers that were set before the first statement hold on both servers', async () => {
    const own = await openPool(cluster, { name: 'parsers' });
    await duringGet(async () => {
      const client = await own.connect();
      client.setTypeParser(23, (text: string) => `<${text}>`);
      expect((await client.query('SELECT 1 AS n')).rows).toEqual([{ n: '<1>' }]);
      await client.query("INSERT INTO notes (body) VALUES ('parsed')");
      expect((await client.query('SELECT 1 AS n')).rows).toEqual([{ n: '<1>' }]);
      client.release();
    });
    await own.end();
  });

  it('a statement that is null is refused at once', async () => {
    await leased(async (client) => {
      expect(() => client.query(null as never)).toThrow('Client was passed a null or undefined query');
    });
  });

  it('a config object is not changed, and may be used again', async () => {
    await duringGet(() =>
      leased(async (client) => {
        const config = { text: 'SELECT $1::int AS n', values: [3] };
        for (let i = 0; i < 3; i++) expect((await client.query(config)).rows).toEqual([{ n: 3 }]);
      }),
    );
  });

  it('end waits for clients that are leased', async () => {
    const own = await openPool(cluster, { name: 'ending' });
    const client = await duringGet(() => own.connect());
    let ended = false;
    const ending = own.end().then(() => {
      ended = true;
    });
    expect(own.ending).toBe(true);
    expect((await duringGet(() => client.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
    expect(ended).toBe(false);
    client.release();
    await within(3_000, 'the end', ending);
    expect(own.ended).toBe(true);
  });

  it('end waits for statements that are under way', async () => {
    const own = await openPool(cluster, { name: 'ending' });
    const slow = own.query("SELECT 'done' AS state, pg_sleep(0.1)");
    const failing = failureOf(duringGet(() => own.query('SELECT 1 / (length(pg_sleep(0.1)::text))')));
    await within(3_000, 'the end', own.end());
    expect((await slow).rows[0]?.state).toBe('done');
    expect(await failing).toMatchObject({ code: '22012' });
  });

  it("a second end is refused in pg-pool's words", async () => {
    const own = await openPool(cluster, { name: 'ending' });
    const first = own.end();
    await expect(own.end()).rejects.toThrow('Called end on pool more than once');
    await new Promise<void>((resolve) =>
      own.end(((error: Error) => {
        expect(error.message).toBe('Called end on pool more than once');
        resolve();
      }) as never),
    );
    await first;
  });

  it('end with a callback', async () => {
    const own = await openPool(cluster, { name: 'ending' });
    await new Promise<void>((resolve) => own.end(resolve));
    expect(own.ended).toBe(true);
  });

  it("statements and checkouts after the end are refused in pg-pool's words", async () => {
    const own = await openPool(cluster, { name: 'ending' });
    await own.end();
    const words = 'Cannot use a pool after calling end on the pool';
    await expect(own.query('SELECT 1')).rejects.toThrow(words);
    await expect(own.connect()).rejects.toThrow(words);
    const told: string[] = [];
    own.query('SELECT 1', (error: Error) => told.push(error.message));
    own.connect((error) => told.push(error?.message ?? ''));
    await eventually('both are told', () => told.length === 2);
    expect(told).toEqual([words, words]);
  });

  it('counts total, idle and waiting connections', async () => {
    const own = await openPool(cluster, { name: 'counts', max: 1 });
    expect([own.totalCount, own.idleCount, own.waitingCount]).toEqual([0, 0, 0]);
    const client = await own.connect();
    expect([own.totalCount, own.idleCount, own.waitingCount]).toEqual([1, 0, 0]);
    const waiting = own.query('SELECT 1');
    expect(own.waitingCount).toBe(1);
    client.release();
    await waiting;
    await eventually('it is idle', () => own.idleCount === 1);
    expect([own.totalCount, own.waitingCount]).toEqual([1, 0]);
    await own.end();
    expect(own.totalCount).toBe(0);
  });

  it('emits connect, acquire, release and remove with the arguments of pg-pool', async () => {
    const own = await openPool(cluster, { name: 'events' });
    const events: [string, ...unknown[]][] = [];
    for (const name of ['connect', 'acquire', 'release', 'remove'] as const) {
      own.on(name as 'connect', (...args: unknown[]) => events.push([name, ...args]));
    }
    await own.query('SELECT 1');
    const reason = new Error('enough');
    const client = await own.connect();
    client.release(reason);
    await eventually('it is removed', () => events.some(([name]) => name === 'remove'));
    expect(events.map(([name]) => name)).toEqual([
      'connect',
      'acquire',
      'release',
      'acquire',
      'release',
      'remove',
    ]);
    const real = events[0]?.[1];
    expect(real).toBeInstanceOf(pg.Client);
    expect(events[2]).toEqual(['release', undefined, real]);
    expect(events[4]?.[1]).toBe(reason);
    expect(events[5]?.[1]).toBe(real);
    await own.end();
  });

  it('emits them to listeners that came after the connections', async () => {
    const own = await openPool(cluster, { name: 'late' });
    await own.query('SELECT 1');
    await duringGet(() => own.query('SELECT 1'));
    let acquired = 0;
    own.on('acquire', () => {
      acquired++;
    });
    await own.query('SELECT 1');
    await duringGet(() => own.query('SELECT 1'));
    expect(acquired).toBe(2);
    await own.end();
  });

  it('a statement in a connect listener runs before the one that opened the connection', async () => {
    const own = await openPool(cluster, { name: 'setup' });
    own.on('connect', (client) => void client.query("SET application_name = 'set up'"));
    const sql = "SELECT current_setting('application_name') AS name";
    expect((await own.query(sql)).rows).toEqual([{ name: 'set up' }]);
    expect((await duringGet(() => own.query(sql))).rows).toEqual([{ name: 'set up' }]);
    await own.end();
  });

  it('onConnect is called for each new connection, of readers and writers', async () => {
    const seen: boolean[] = [];
    const own = await openPool(cluster, {
      name: 'hooked',
      onConnect: async (client) => {
        const { rows } = await client.query('SELECT pg_is_in_recovery() AS standby');
        seen.push(rows[0].standby);
      },
    });
    await own.query('SELECT 1');
    await duringGet(() => own.query('SELECT 1'));
    expect(seen).toEqual([false, true]);
    await own.end();
  });

  it('await using ends the pool', async () => {
    const own = await openPool(cluster, { name: 'disposed' });
    await own[Symbol.asyncDispose]();
    expect(own.ended).toBe(true);
    await own[Symbol.asyncDispose]();
  });
});
