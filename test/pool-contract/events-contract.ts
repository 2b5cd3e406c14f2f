import pg from 'pg';
import { expect } from 'vitest';
import { eventually, failureOf } from '../integration/stage.js';
import { collect, type Declare, terminate } from './implementation.js';

const lifeOfAClient = ['connect', 'acquire', 'release', 'remove', 'error'];

/** What a pool emits, in which order, with which arguments. */
export function eventsContract(it: Declare): void {
  it('tells of the life of a client, by the client that its user has', async (open) => {
    const pool = await open();
    const events = collect(pool, lifeOfAClient);
    const client = await pool.connect();
    expect(events).toEqual([
      ['connect', client],
      ['acquire', client],
    ]);
    client.release();
    expect(events.slice(2)).toEqual([['release', undefined, client]]);
    const again = await pool.connect();
    expect(events.slice(3)).toEqual([['acquire', again]]);
    again.release(new Error('enough'));
    await eventually('it is removed', () => events.length === 6);
    expect(events.slice(4).map(([name]) => name)).toEqual(['release', 'remove']);
    for (const [name, ...args] of events) expect(args.at(-1), name).toBe(client);
  });

  it('tells of the clients that statements use', async (open) => {
    const pool = await open({ max: 1 });
    const events = collect(pool, lifeOfAClient);
    await pool.query('SELECT 1');
    await pool.query('SELECT 1');
    expect(events.map(([name]) => name)).toEqual(['connect', 'acquire', 'release', 'acquire', 'release']);
    expect(events[0]?.[1]).toBeInstanceOf(pg.Client);
    expect(events[2]?.[1], 'no error').toBeFalsy();
    expect(events[2]?.[2]).toBe(events[0]?.[1]);
  });

  it('removes a connection at the end of the pool with an event', async (open) => {
    const pool = await open();
    const events = collect(pool, ['remove']);
    const client = await pool.connect();
    client.release();
    await pool.end();
    await eventually('it is told', () => events.length === 1);
    expect(events).toEqual([['remove', client]]);
  });

  it('has listeners that may be added late, and taken away', async (open) => {
    const pool = await open({ max: 1 });
    await pool.query('SELECT 1');
    let heard = 0;
    const listener = (): void => {
      heard += 1;
    };
    pool.on('acquire', listener);
    await pool.query('SELECT 1');
    expect(heard).toBe(1);
    pool.removeListener('acquire', listener);
    pool.once('acquire', listener);
    await pool.query('SELECT 1');
    await pool.query('SELECT 1');
    expect(heard).toBe(2);
    expect(pool.listenerCount('acquire')).toBe(0);
  });

  it('what a listener of connect sends runs before the first statement', async (open) => {
    const pool = await open({ max: 1 });
    pool.on('connect', (client) => void client.query("SET application_name = 'set by connect'"));
    const sql = "SELECT current_setting('application_name') AS name";
    expect((await pool.query(sql)).rows).toEqual([{ name: 'set by connect' }]);
  });

  it('what listeners of acquire and release send runs at the beginning and at the end of each use', async (open) => {
    const pool = await open({ max: 1 });
    let uses = 0;
    pool.on('acquire', (client) => {
      uses += 1;
      client.query(`SET application_name = 'use ${uses}'`).catch(ignore);
    });
    // The pool's end does not wait for the last of them.
    pool.on('release', (_, client) => client.query("SET search_path = 'released'").catch(ignore));
    const sql = "SELECT current_setting('application_name') AS name, current_setting('search_path') AS path";
    for (const [i, path] of ['"$user", public', 'released', 'released'].entries()) {
      if (i === 1) {
        expect((await pool.query(sql)).rows).toEqual([{ name: `use ${i + 1}`, path }]);
        continue;
      }
      const client = await pool.connect();
      expect((await client.query(sql)).rows).toEqual([{ name: `use ${i + 1}`, path }]);
      client.release();
    }
  });

  it('tells of an idle client that is lost, which is then no longer there', async (open) => {
    const pool = await open();
    const events = collect(pool, ['error', 'remove']);
    const client = await pool.connect();
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    client.release();
    await terminate(rows[0].pid);
    await eventually('it is told', () => events.length === 2);
    const [, error, lost] = events.find(([name]) => name === 'error') ?? [];
    expect(error).toMatchObject({ code: '57P01', client });
    expect(lost).toBe(client);
    expect(events).toContainEqual(['remove', client]);
    expect(pool.totalCount).toBe(0);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('says nothing of an error of a statement, nor of a client that is lost while it is out', async (open) => {
    const pool = await open({ max: 1 });
    const events = collect(pool, ['error']);
    await failureOf(pool.query('SELECT * FROM missing'));
    const client = await pool.connect();
    const told: unknown[] = [];
    client.on('error', (error) => told.push(error));
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    await terminate(rows[0].pid);
    await eventually('its user is told', () => told.length === 2);
    client.release();
    expect(events).toEqual([]);
    expect(pool.totalCount).toBe(0);
  });
}

function ignore(): void {
  return undefined;
}
