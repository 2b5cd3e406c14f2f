import { expect } from 'vitest';
import { eventually, failureOf } from '../integration/stage.js';
import { cluster, counts, type Declare, terminate } from './implementation.js';

/** What a client's user is told when its connection is lost while it is out. */
export function lossContract(it: Declare): void {
  it('its user is told, its statements fail, and it does not come back', async (open) => {
    const pool = await open({ max: 1 });
    const client = await pool.connect();
    const told: Error[] = [];
    let ended = 0;
    client.on('error', (error) => told.push(error));
    client.on('end', () => {
      ended += 1;
    });
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    await terminate(rows[0].pid);
    await eventually('it has ended', () => ended === 1);
    expect(told.map((error) => Reflect.get(error, 'code') ?? error.message)).toEqual([
      '57P01',
      'Connection terminated unexpectedly',
    ]);
    const words = 'Client has encountered a connection error and is not queryable';
    expect((await failureOf(client.query('SELECT 1'))).message).toBe(words);
    client.release();
    expect(counts(pool)).toEqual([0, 0, 0]);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('a statement that is under way fails', async (open) => {
    const pool = await open({ max: 1 });
    const client = await pool.connect();
    client.on('error', () => undefined);
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    const slow = failureOf(client.query('SELECT pg_sleep(30)'));
    await terminate(rows[0].pid);
    const error = await slow;
    expect(Reflect.get((error.cause as object | undefined) ?? error, 'code')).toBe('57P01');
    client.release();
    await eventually('it is gone', () => pool.totalCount === 0);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('a statement of the pool that is under way fails', async (open) => {
    const pool = await open({ max: 1, application_name: 'to be lost' });
    const slow = failureOf(pool.query('SELECT pg_sleep(30)'));
    let pid = 0;
    await eventually('it is under way', async () => {
      const { rows } = await cluster.primary.query<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'to be lost' AND wait_event = 'PgSleep'",
      );
      pid = rows[0]?.pid ?? 0;
      return rows.length === 1;
    });
    await terminate(pid);
    const error = await slow;
    expect(Reflect.get((error.cause as object | undefined) ?? error, 'code')).toBe('57P01');
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
}
