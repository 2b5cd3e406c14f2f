import { once } from 'node:events';
import { expect } from 'vitest';
import { eventually, within } from '../integration/stage.js';
import { collect, counts, type Declare, sessionsOf } from './implementation.js';

/** When connections are closed: by idleness, age and use. */
export function removalContract(it: Declare): void {
  it('one that is idle for idleTimeoutMillis is removed, and a new one takes its place', async (open) => {
    const pool = await open({ idleTimeoutMillis: 20, application_name: 'soon idle' });
    const client = await pool.connect();
    const removed = once(pool, 'remove');
    client.release();
    expect((await within(5_000, 'it is removed', removed))[0]).toBe(client);
    expect(counts(pool)).toEqual([0, 0, 0]);
    await eventually('its session has ended', async () => (await sessionsOf('soon idle')) === 0);
    const next = await pool.connect();
    expect(next).not.toBe(client);
    next.release();
  });

  it('one that is used is not idle', async (open) => {
    const pool = await open({ idleTimeoutMillis: 20 });
    const events = collect(pool, ['remove']);
    const client = await pool.connect();
    await client.query('SELECT pg_sleep(0.1)');
    expect(events).toEqual([]);
    client.release();
    await eventually('then it is removed', () => events.length === 1);
  });

  it('as many as min stay', async (open) => {
    const pool = await open({ min: 1, max: 2, idleTimeoutMillis: 20 });
    const events = collect(pool, ['remove']);
    const both = [await pool.connect(), await pool.connect()];
    for (const client of both) client.release();
    await eventually('one is removed', () => events.length === 1);
    await pool.query('SELECT pg_sleep(0.1)');
    expect(counts(pool)).toEqual([1, 1, 0]);
    expect(events).toHaveLength(1);
  });

  it('with an idleTimeoutMillis of 0 none is removed', async (open) => {
    const pool = await open({ idleTimeoutMillis: 0 });
    const both = [await pool.connect(), await pool.connect()];
    for (const client of both) client.release();
    await pool.query('SELECT pg_sleep(0.1)');
    expect(counts(pool)).toEqual([2, 2, 0]);
  });

  it('one that is older than maxLifetimeSeconds is removed when it is idle', async (open) => {
    const pool = await open({ maxLifetimeSeconds: 1, idleTimeoutMillis: 0 });
    const client = await pool.connect();
    client.release();
    const [removed] = await within(10_000, 'it is removed', once(pool, 'remove'));
    expect(removed).toBe(client);
    expect([...counts(pool), pool.expiredCount]).toEqual([0, 0, 0, 0]);
  });

  it('one that becomes too old while it is used counts as expired, and is removed after that', async (open) => {
    const pool = await open({ maxLifetimeSeconds: 1, idleTimeoutMillis: 0 });
    const client = await pool.connect();
    expect(pool.expiredCount).toBe(0);
    await eventually('it has expired', () => pool.expiredCount === 1);
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    client.release();
    expect([...counts(pool), pool.expiredCount]).toEqual([0, 0, 0, 0]);
  });

  it('one that was taken maxUses times is removed, and whoever waits gets a new one', async (open) => {
    const pool = await open({ max: 1, maxUses: 2 });
    const first = await pool.connect();
    const second = pool.connect();
    const third = pool.connect();
    expect(pool.waitingCount).toBe(2);
    first.release();
    expect(await second).toBe(first);
    (await second).release();
    const fresh = await third;
    expect(fresh).not.toBe(first);
    fresh.release();
    expect(counts(pool)).toEqual([1, 1, 0]);
  });

  it('statements use it up as checkouts do', async (open) => {
    const pool = await open({ max: 1, maxUses: 2 });
    const pid = async (): Promise<unknown> =>
      (await pool.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
    const pids = [await pid(), await pid(), await pid(), await pid()];
    expect(pids[1]).toBe(pids[0]);
    expect(pids[2]).not.toBe(pids[0]);
    expect(pids[3]).toBe(pids[2]);
  });
}
