import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { cluster, notes, pool, stagePool } from './pool-stage.js';
import { duringGet, eventually, failureOf, heard, inUse, openPool } from './stage.js';

stagePool();

describe('errors of a statement', () => {
  it.each([
    ['a table that is missing', 'SELECT * FROM missing', [], '42P01'],
    ['a syntax error', 'SELECT FROM WHERE', [], '42601'],
    ['a division by zero', 'SELECT 1 / $1::int', [0], '22012'],
  ])('come back as pg gives them: %s', async (_, sql, values, code) => {
    const plain = new pg.Pool({ connectionString: cluster.url, max: 1 });
    const expected = await failureOf(plain.query(sql, values));
    await plain.end();
    const error = await failureOf(duringGet(() => pool.query(sql, values)));
    expect(error).toBeInstanceOf(pg.DatabaseError);
    expect(error.code).toBe(code);
    expect({ ...error }).toEqual({ ...expected });
    expect(error.message).toBe(expected.message);
    expect(error.stack).toContain('statements.test');
  });

  it('of a write come back as pg gives them, from the primary', async () => {
    const error = await failureOf(
      duringGet(() => pool.query("INSERT INTO counters (name) VALUES ('update')")),
    );
    expect(error).toBeInstanceOf(pg.DatabaseError);
    expect(error).toMatchObject({ code: '23505', table: 'counters', constraint: 'counters_pkey' });
  });

  it('leave no connection behind', async () => {
    for (let i = 0; i < 30; i++) {
      await failureOf(duringGet(() => pool.query('SELECT * FROM missing')));
      await failureOf(pool.query('SELECT * FROM missing'));
    }
    await eventually('all connections are idle', () => inUse(pool) === 0);
    expect(pool.totalCount).toBeLessThanOrEqual(30);
  });

  it('do not cost a connection', async () => {
    const own = await openPool(cluster, { name: 'errors', max: 1 });
    const pids = new Set<number>();
    for (let i = 0; i < 3; i++) {
      await failureOf(own.query('SELECT * FROM missing'));
      pids.add((await own.query('SELECT pg_backend_pid() AS pid')).rows[0]?.pid);
    }
    expect(pids.size).toBe(1);
    await own.end();
  });

  it('are told to a callback', async () => {
    const error = await new Promise((resolve) => {
      duringGet(() => pool.query('SELECT * FROM missing', (failure: Error) => resolve(failure)));
    });
    expect(error).toMatchObject({ code: '42P01' });
  });

  it('of values that pg cannot send are told too, and leave no connection behind', async () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    await expect(duringGet(() => pool.query('SELECT $1', [loop]))).rejects.toThrow(TypeError);
    await eventually('all connections are idle', () => inUse(pool) === 0);
  });

  it('of no statement at all are told too', async () => {
    await expect(pool.query(undefined as never)).rejects.toThrow(TypeError);
    await eventually('all connections are idle', () => inUse(pool) === 0);
  });
});

describe('session state', () => {
  it('a transaction that a single statement leaves open is closed with its connection', async () => {
    const events = await heard('dirty-release', () =>
      pool.query("BEGIN; INSERT INTO notes (body) VALUES ('open')"),
    );
    expect(events).toEqual([{ cluster: 'main', node: 'primary' }]);
    await eventually('all connections are idle', () => inUse(pool) === 0);
    expect(await notes('open')).toBe(0);
  });

  it('a statement that a single transaction leaves failed is closed with its connection', async () => {
    await failureOf(pool.query('BEGIN; SELECT * FROM missing'));
    await eventually('all connections are idle', () => inUse(pool) === 0);
    for (let i = 0; i < 15; i++) expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('query_timeout ends the wait, and its connection', async () => {
    const own = await openPool(cluster, { name: 'timeouts', query_timeout: 1_000, max: 1 });
    await expect(duringGet(() => own.query('SELECT pg_sleep(10)'))).rejects.toThrow('Query read timeout');
    expect((await duringGet(() => own.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
    await own.end();
  });

  it('statement_timeout is an error like any other', async () => {
    const own = await openPool(cluster, { name: 'timeouts', statement_timeout: 1_000, max: 1 });
    await expect(duringGet(() => own.query('SELECT pg_sleep(10)'))).rejects.toMatchObject({ code: '57014' });
    expect((await duringGet(() => own.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
    await own.end();
  });
});
