import { expect } from 'vitest';
import type { Declare } from './implementation.js';

/** Which object a client is from one checkout to the next. */
export function identityContract(it: Declare): void {
  it('a connection is the same client at every checkout', async (open) => {
    const pool = await open({ max: 1 });
    const known = new WeakSet<object>();
    const first = await pool.connect();
    known.add(first);
    Object.assign(first, { mark: 'left' });
    first.release();
    await pool.query('SELECT 1');
    const second = await pool.connect();
    expect(second).toBe(first);
    expect(known.has(second)).toBe(true);
    expect(second).toMatchObject({ mark: 'left' });
    second.release();
  });

  it('clients that are out at the same time are not the same', async (open) => {
    const pool = await open({ max: 3 });
    const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
    expect(new Set(clients).size).toBe(3);
    expect(new Set(clients.map((client) => Reflect.get(client, 'processID'))).size).toBe(3);
    for (const client of clients) client.release();
  });

  it('its session is known before its first statement', async (open) => {
    const pool = await open();
    const client = await pool.connect();
    const pid = Reflect.get(client, 'processID');
    expect((await client.query('SELECT pg_backend_pid() AS pid')).rows).toEqual([{ pid }]);
    client.release();
  });

  it('an error that its user emits while it is idle removes it, as if it were lost', async (open) => {
    const pool = await open();
    const client = await pool.connect();
    client.release();
    const told: unknown[] = [];
    pool.on('error', (...args) => told.push(args));
    const error = new Error('on purpose');
    client.emit('error', error);
    expect(told).toEqual([[error, client]]);
    expect(pool.totalCount).toBe(0);
  });

  it('an error that its user emits while it is out is its own business', async (open) => {
    const pool = await open();
    const client = await pool.connect();
    const told: unknown[] = [];
    pool.on('error', () => told.push('pool'));
    client.once('error', () => told.push('client'));
    client.emit('error', new Error('on purpose'));
    expect(told).toEqual(['client']);
    expect(pool.totalCount).toBe(1);
    client.release();
  });
}
