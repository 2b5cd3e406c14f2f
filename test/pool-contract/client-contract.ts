import { once } from 'node:events';
import pg from 'pg';
import { expect } from 'vitest';
import { eventually, failureOf, within } from '../integration/stage.js';
import { cluster, type Declare } from './implementation.js';

/** What the user of a checkout has in hands. */
export function clientContract(it: Declare): void {
  const leased = (
    name: string,
    body: (client: pg.PoolClient) => Promise<void>,
    options?: pg.PoolConfig,
  ): void => {
    it(name, async (open) => {
      const pool = await open(options);
      const client = await pool.connect();
      try {
        await body(client);
      } finally {
        client.release();
      }
    });
  };

  leased('is a pg.Client, and its name says so', async (client) => {
    expect(client).toBeInstanceOf(pg.Client);
    expect(client.constructor.name).toContain('Client');
  });

  leased('is one and the same object all the time, which a WeakMap may have for a key', async (client) => {
    const known = new WeakMap([[client, 'known']]);
    await client.query('SELECT 1');
    const heard = new Promise<unknown>((resolve) => {
      client.once('notice', function (this: unknown) {
        resolve(this);
      });
    });
    await client.query("DO $$ BEGIN RAISE NOTICE 'look'; END $$");
    const self = await within(5_000, 'the notice', heard);
    expect(self).toBe(client);
    expect(known.get(client)).toBe('known');
  });

  leased('keeps what its user leaves on it', async (client) => {
    Object.assign(client, { mark: 'mine' });
    await client.query('SELECT 1');
    expect(client).toMatchObject({ mark: 'mine' });
  });

  leased('knows its session at the server', async (client) => {
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid, current_user AS user');
    expect(Reflect.get(client, 'processID')).toBe(rows[0].pid);
    expect(Reflect.get(client, 'user')).toBe(rows[0].user);
    expect(Reflect.get(client, 'database')).toBe(new URL(cluster.url).pathname.slice(1));
    expect(Reflect.get(client, 'host')).toBe('127.0.0.1');
    expect(Reflect.get(client, 'connection')).toHaveProperty('stream');
  });

  leased('escapes identifiers and literals', async (client) => {
    expect(client.escapeIdentifier('a"b')).toBe('"a""b"');
    expect(client.escapeLiteral("a'b\\c")).toBe(" E'a''b\\\\c'");
  });

  leased('knows whether a transaction is open, or has failed', async (client) => {
    expect(client.getTransactionStatus()).toBe('I');
    await client.query('BEGIN');
    expect(client.getTransactionStatus()).toBe('T');
    await failureOf(client.query('SELECT * FROM missing'));
    // The error comes before the server says in which state it is.
    await eventually('it has failed', () => client.getTransactionStatus() === 'E');
    expect(await failureOf(client.query('SELECT 1'))).toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    expect(client.getTransactionStatus()).toBe('I');
  });

  leased('commits, and rolls back', async (client) => {
    await client.query('BEGIN');
    await client.query("INSERT INTO items (body) VALUES ('rolled back')");
    await client.query('ROLLBACK');
    await client.query('BEGIN');
    await client.query("INSERT INTO items (body) VALUES ('committed')");
    await client.query('SAVEPOINT here');
    await failureOf(client.query("INSERT INTO items (body) VALUES ('committed')"));
    await client.query('ROLLBACK TO here');
    await client.query('COMMIT');
    expect((await client.query('DELETE FROM items RETURNING body')).rows).toEqual([{ body: 'committed' }]);
  });

  leased('cannot be connected again, in both styles', async (client) => {
    const words = 'Client has already been connected. You cannot reuse a client.';
    expect((await failureOf(client.connect())).message).toBe(words);
    const error = await new Promise<unknown>((resolve) => client.connect(resolve as (error: Error) => void));
    expect(error).toMatchObject({ message: words });
  });

  leased('hears notices', async (client) => {
    const heard = once(client, 'notice');
    await client.query("DO $$ BEGIN RAISE NOTICE 'look'; END $$");
    expect((await within(5_000, 'the notice', heard))[0]).toMatchObject({
      message: 'look',
      severity: 'NOTICE',
    });
  });

  leased('hears notifications', async (client) => {
    const heard = once(client, 'notification');
    await client.query('LISTEN news');
    await cluster.primary.query("SELECT pg_notify('news', 'for all')");
    const [message] = await within(5_000, 'the notification', heard);
    expect(message).toMatchObject({ channel: 'news', payload: 'for all', processId: expect.any(Number) });
    await client.query('UNLISTEN *');
  });

  leased('has listeners that can be taken away', async (client) => {
    let heard = 0;
    const listener = (): void => {
      heard += 1;
    };
    const notice = "DO $$ BEGIN RAISE NOTICE 'look'; END $$";
    client.on('notice', listener);
    await client.query(notice);
    client.removeListener('notice', listener);
    await client.query(notice);
    expect(heard).toBe(1);
    expect(client.listenerCount('notice')).toBe(0);
  });

  leased('parses as it is told', async (client) => {
    client.setTypeParser(20, (text: string) => BigInt(text));
    expect((await client.query('SELECT 7::int8 AS n')).rows).toEqual([{ n: 7n }]);
    expect(client.getTypeParser(20)('8')).toBe(8n);
  });

  leased('says which mode it works in', async (client) => {
    await client.query('SELECT 1');
    expect([Reflect.get(client, 'pipeline'), Reflect.get(client, 'binary')]).toEqual([false, false]);
  });

  it('leaves no listener behind, however often it is taken', async (open) => {
    const pool = await open({ max: 1 });
    const names = ['connect', 'drain', 'end', 'error', 'notice', 'notification'];
    let real: pg.PoolClient | undefined;
    pool.on('acquire', (client) => {
      real = client;
    });
    const seen = new Set<string>();
    for (let i = 0; i < 10_000; i++) {
      const client = await pool.connect();
      if (i % 100 === 0) {
        await client.query('SELECT 1');
        seen.add(names.map((name) => real?.listenerCount(name)).join());
      }
      client.release();
    }
    expect(seen.size).toBe(1);
    expect(names.map((name) => pool.listenerCount(name)).join()).toBe('0,0,0,0,0,0');
  });
}
