import { Socket } from 'node:net';
import type pg from 'pg';
import { expect } from 'vitest';
import { failureOf, within } from '../integration/stage.js';
import type { Declare } from './implementation.js';

/** The options that a pool hands on to its connections. */
export function settingsContract(it: Declare): void {
  const shown: readonly [keyof pg.PoolConfig, pg.PoolConfig, string, string][] = [
    ['application_name', { application_name: 'the application' }, 'application_name', 'the application'],
    ['statement_timeout', { statement_timeout: 1234 }, 'statement_timeout', '1234ms'],
    ['lock_timeout', { lock_timeout: 2345 }, 'lock_timeout', '2345ms'],
    [
      'idle_in_transaction_session_timeout',
      { idle_in_transaction_session_timeout: 3456 },
      'idle_in_transaction_session_timeout',
      '3456ms',
    ],
    ['options', { options: '-c work_mem=5MB' }, 'work_mem', '5MB'],
  ];
  for (const [name, options, setting, value] of shown) {
    it(`${name} holds in each session`, async (open) => {
      const pool = await open(options);
      const sql = `SELECT current_setting('${setting}') AS value`;
      expect((await pool.query(sql)).rows).toEqual([{ value }]);
      const client = await pool.connect();
      expect((await client.query(sql)).rows).toEqual([{ value }]);
      client.release();
    });
  }

  it('statement_timeout ends a statement, and its connection goes on', async (open) => {
    const pool = await open({ max: 1, statement_timeout: 100 });
    expect(await failureOf(pool.query('SELECT pg_sleep(20)'))).toMatchObject({ code: '57014' });
    const client = await pool.connect();
    expect(await failureOf(client.query('SELECT pg_sleep(20)'))).toMatchObject({ code: '57014' });
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    client.release();
  });

  it('query_timeout ends the wait for a statement', async (open) => {
    const pool = await open({ max: 1, query_timeout: 100 });
    expect((await failureOf(pool.query('SELECT pg_sleep(20)'))).message).toBe('Query read timeout');
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('a query_timeout of one statement ends the wait for it; then its client can be released', async (open) => {
    const pool = await open({ max: 1 });
    const client = await pool.connect();
    const config = { text: 'SELECT pg_sleep(60)', query_timeout: 100 };
    expect((await failureOf(client.query(config))).message).toBe('Query read timeout');
    client.release();
    await within(10_000, 'the end', pool.end());
  });

  it('idle_in_transaction_session_timeout ends a session that forgets its transaction', async (open) => {
    const pool = await open({ idle_in_transaction_session_timeout: 100 });
    const client = await pool.connect();
    const lost = new Promise<Error>((resolve) => client.once('error', resolve));
    client.on('error', () => undefined);
    await client.query('BEGIN');
    expect(await lost).toMatchObject({ code: '25P03' });
    client.release();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('types parses the rows of all statements', async (open) => {
    const types = { getTypeParser: () => (value: unknown) => `<${value}>` };
    const pool = await open({ types: types as NonNullable<pg.PoolConfig['types']> });
    expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: '<1>' }]);
    const client = await pool.connect();
    expect((await client.query('SELECT 2 AS n')).rows).toEqual([{ n: '<2>' }]);
    client.release();
  });

  it('binary asks for rows in binary', async (open) => {
    const binary: pg.PoolConfig & { binary: boolean } = { binary: true };
    const pool = await open(binary);
    const client = await pool.connect();
    const { rows, fields } = await client.query('SELECT $1::int AS n', [7]);
    expect(rows).toEqual([{ n: 7 }]);
    expect(fields[0]?.format).toBe('binary');
    expect(Reflect.get(client, 'binary')).toBe(true);
    client.release();
  });

  it('pipeline sends statements without waiting for the answers to others', async (open) => {
    const pipelined: pg.PoolConfig & { pipeline: boolean } = { pipeline: true, max: 1 };
    const pool = await open(pipelined);
    const client = await pool.connect();
    expect(Reflect.get(client, 'pipeline')).toBe(true);
    const all = [1, 2, 3].map((n) => client.query('SELECT $1::int AS n', [n]));
    const failing = failureOf(client.query('SELECT * FROM missing'));
    const last = client.query('SELECT 4 AS n');
    expect((await Promise.all(all)).map(({ rows }) => rows[0].n)).toEqual([1, 2, 3]);
    expect(await failing).toMatchObject({ code: '42P01' });
    expect((await last).rows).toEqual([{ n: 4 }]);
    client.release();
    expect((await pool.query('SELECT 5 AS n')).rows).toEqual([{ n: 5 }]);
  });

  it('stream makes the sockets, and keepAlive is set on them', async (open) => {
    const made: Socket[] = [];
    const kept: unknown[][] = [];
    const stream = (): Socket => {
      const socket = new Socket();
      const { setKeepAlive } = socket;
      socket.setKeepAlive = (...args) => {
        kept.push(args);
        return setKeepAlive.apply(socket, args);
      };
      made.push(socket);
      return socket;
    };
    const pool = await open({ stream, keepAlive: true, keepAliveInitialDelayMillis: 1_000 });
    const client = await pool.connect();
    const socket: unknown = Reflect.get(Object(Reflect.get(client, 'connection')), 'stream');
    expect(made).toContain(socket);
    expect(kept).toContainEqual([true, 1_000]);
    client.release();
  });
}
