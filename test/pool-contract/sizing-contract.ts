import type pg from 'pg';
import { expect } from 'vitest';
import { eventually } from '../integration/stage.js';
import { counts, type Declare, refusalOf, sessionsOf, timer } from './implementation.js';

/** How many connections there are, who waits for one, and for how long. */
export function sizingContract(it: Declare): void {
  it('begins empty, and opens a connection when one is needed', async (open) => {
    const pool = await open();
    expect(counts(pool)).toEqual([0, 0, 0]);
    const connecting = pool.connect();
    expect(counts(pool)).toEqual([1, 0, 0]);
    const client = await connecting;
    expect(counts(pool)).toEqual([1, 0, 0]);
    client.release();
    expect(counts(pool)).toEqual([1, 1, 0]);
  });

  it('a statement uses a connection until it has ended', async (open) => {
    const pool = await open();
    const query = pool.query('SELECT 1');
    expect(counts(pool)).toEqual([1, 0, 0]);
    await query;
    expect(counts(pool)).toEqual([1, 1, 0]);
  });

  it('a client that is released in the callback of its statement is idle at once', async (open) => {
    const pool = await open();
    const client = await pool.connect();
    const seen = await new Promise((resolve) => {
      client.query('SELECT 1', () => {
        client.release();
        resolve(counts(pool));
      });
    });
    expect(seen).toEqual([1, 1, 0]);
  });

  it('never has more connections than max, whoever waits', async (open) => {
    const pool = await open({ max: 3, application_name: 'at most three' });
    let most = 0;
    const load = Array.from({ length: 30 }, async (_, i) => {
      await pool.query(i % 3 === 0 ? 'SELECT 1' : 'SELECT pg_sleep(0.005)');
      most = Math.max(most, pool.totalCount);
    });
    expect(counts(pool)).toEqual([3, 0, 27]);
    await Promise.all(load);
    expect(most).toBe(3);
    expect(counts(pool)).toEqual([3, 3, 0]);
    expect(await sessionsOf('at most three')).toBe(3);
  });

  it('serves those who wait in the order in which they came', async (open) => {
    const pool = await open({ max: 1 });
    const first = await pool.connect();
    const served: string[] = [];
    const lease = async (name: string): Promise<void> => {
      const client = await pool.connect();
      served.push(name);
      client.release();
    };
    const waiting = ['one', 'two', 'three', 'four'].map(lease);
    expect(counts(pool)).toEqual([1, 0, 4]);
    first.release();
    await Promise.all(waiting);
    expect(served).toEqual(['one', 'two', 'three', 'four']);
  });

  it('hands the connection that was used last to the next one', async (open) => {
    const pool = await open();
    const [a, b] = [await pool.connect(), await pool.connect()];
    a.release();
    b.release();
    const next = await pool.connect();
    expect(next).toBe(b);
    next.release();
  });

  it('whoever waits longer than connectionTimeoutMillis is refused, and counts no more', async (open) => {
    const pool = await open({ max: 1, connectionTimeoutMillis: 300 });
    const client = await pool.connect();
    const words = 'timeout exceeded when trying to connect';
    const refused = [refusalOf(pool.connect()), refusalOf(pool.query('SELECT 1'))];
    expect(pool.waitingCount).toBe(2);
    expect(await Promise.all(refused)).toEqual([words, words]);
    expect(counts(pool)).toEqual([1, 0, 0]);
    client.release();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('the callback of one who waited too long gets an error, no client, and a release', async (open) => {
    const pool = await open({ max: 1, connectionTimeoutMillis: 100 });
    const client = await pool.connect();
    const [error, none] = await new Promise<unknown[]>((resolve) => {
      pool.connect((...args) => resolve(args));
    });
    expect(error).toMatchObject({ message: 'timeout exceeded when trying to connect' });
    expect(none).toBeUndefined();
    client.release();
  });

  it('one who waits too long does not stop those behind', async (open) => {
    const pool = await open({ max: 1, connectionTimeoutMillis: 400 });
    const client = await pool.connect();
    const late = refusalOf(pool.connect());
    await eventually('half of the time is over', timer(200));
    const next = pool.connect();
    expect(await late).toBe('timeout exceeded when trying to connect');
    client.release();
    (await next).release();
  });

  it('one that releases a client twice, or not at all, is not noticed by others', async (open) => {
    const pool = await open({ max: 2 });
    const [a, b]: pg.PoolClient[] = [await pool.connect(), await pool.connect()];
    a?.release();
    expect(() => a?.release()).toThrow();
    expect(counts(pool)).toEqual([2, 1, 0]);
    b?.release();
    expect(counts(pool)).toEqual([2, 2, 0]);
  });
}
