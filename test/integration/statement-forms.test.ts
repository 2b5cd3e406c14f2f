import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { cluster, notes, pool, stagePool } from './pool-stage.js';
import { duringGet, eventually, inUse } from './stage.js';

stagePool();

describe('all forms of pool.query', () => {
  const get = <T>(fn: () => T): T => duringGet(fn);

  it('text and values', async () => {
    const { rows } = await get(() => pool.query('SELECT $1::int + $2::int AS sum', [1, 2]));
    expect(rows).toEqual([{ sum: 3 }]);
  });

  it('a config object, which may be used again', async () => {
    const config = { text: 'SELECT $1::int AS n, pg_is_in_recovery() AS standby', values: [5] };
    for (let i = 0; i < 3; i++) {
      const { rows } = await get(() => pool.query(config));
      expect(rows).toEqual([{ n: 5, standby: true }]);
    }
    expect(Object.keys(config)).toEqual(['text', 'values']);
  });

  it('a config object and values', async () => {
    const { rows } = await get(() => pool.query({ text: 'SELECT $1::int AS n' } as never, [6]));
    expect(rows).toEqual([{ n: 6 }]);
  });

  it('rows as arrays', async () => {
    const { rows } = await get(() => pool.query({ text: 'SELECT 1, 2', rowMode: 'array' }));
    expect(rows).toEqual([[1, 2]]);
  });

  it('named statements, on each server that they run on', async () => {
    const named = { name: 'by-port', text: 'SELECT inet_server_port() AS port, $1::int AS n' };
    for (let i = 0; i < 10; i++) {
      const { rows } = await get(() => pool.query({ ...named, values: [i] }));
      expect(rows[0]?.n).toBe(i);
      expect((await pool.query({ ...named, values: [i] })).rows[0]?.port).toBe(cluster.primary.serverPort);
    }
  });

  it('a named statement that writes, in a GET', async () => {
    const named = { name: 'note', text: 'SELECT note_down($1)' };
    for (let i = 0; i < 3; i++) await get(() => pool.query({ ...named, values: ['named'] }));
    expect(await notes('named')).toBe(3);
  });

  it('text and callback', async () => {
    const rows = await new Promise((resolve, reject) => {
      const answer = get(() =>
        pool.query('SELECT 7 AS n', (error: Error, result: pg.QueryResult) =>
          error ? reject(error) : resolve(result.rows),
        ),
      );
      expect(answer).toBeUndefined();
    });
    expect(rows).toEqual([{ n: 7 }]);
  });

  it('text, values and callback', async () => {
    const rows = await new Promise((resolve, reject) => {
      get(() =>
        pool.query('SELECT $1::int AS n', [8], (error, result) =>
          error ? reject(error) : resolve(result.rows),
        ),
      );
    });
    expect(rows).toEqual([{ n: 8 }]);
  });

  it('a callback whose statement writes, in a GET', async () => {
    await new Promise<void>((resolve, reject) => {
      get(() =>
        pool.query('SELECT note_down($1)', ['by callback'], (error) => (error ? reject(error) : resolve())),
      );
    });
    expect(await notes('by callback')).toBe(1);
  });

  it('a pg.Query', async () => {
    const result = await get(() => pool.query(new pg.Query('SELECT pg_is_in_recovery() AS standby')));
    expect((result as unknown as pg.QueryResult).rows).toEqual([{ standby: true }]);
    await eventually('all connections are idle', () => inUse(pool) === 0);
  });

  it('a pg.Query gives its rows as events', async () => {
    const rows: unknown[] = [];
    const query = new pg.Query('SELECT generate_series(1, 3) AS n');
    query.on('row', (row: unknown) => rows.push(row));
    await get(() => pool.query(query));
    expect(rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('a pg.Query that writes goes to the primary by its first word', async () => {
    await get(() => pool.query(new pg.Query("INSERT INTO notes (body) VALUES ('submitted')")));
    expect(await notes('submitted')).toBe(1);
  });

  it('a pg.Query that turns out to write fails, and is sent to the primary the next time', async () => {
    const sql = "SELECT note_down('submitted unseen')";
    await expect(get(() => pool.query(new pg.Query(sql)))).rejects.toMatchObject({ code: '25006' });
    await get(() => pool.query(new pg.Query(sql)));
    expect(await notes('submitted unseen')).toBe(1);
  });

  it('several statements, with a result for each', async () => {
    const results = (await get(() => pool.query('SELECT 1 AS a; SELECT 2 AS b'))) as unknown;
    expect((results as pg.QueryResult[]).map(({ rows }) => rows)).toEqual([[{ a: 1 }], [{ b: 2 }]]);
  });

  it('an empty text', async () => {
    expect((await get(() => pool.query(''))).rows).toEqual([]);
  });

  it('values of all kinds arrive on the primary after a replica has refused them', async () => {
    const when = new Date(Date.UTC(2026, 5, 1));
    const values = ['text', 1, true, null, when, Buffer.from('bytes'), ['a', 'b'], { json: [1] }];
    const { rows } = await get(() =>
      pool.query(
        `SELECT note_down($1::text) AS port, $2::int AS int, $3::bool AS bool, $4::text AS nothing,
                $5::timestamptz AS time, $6::bytea AS bytes, $7::text[] AS list, $8::jsonb AS json`,
        values,
      ),
    );
    expect(rows).toEqual([
      {
        port: cluster.primary.serverPort,
        int: 1,
        bool: true,
        nothing: null,
        time: when,
        bytes: Buffer.from('bytes'),
        list: ['a', 'b'],
        json: { json: [1] },
      },
    ]);
  });

  it('types of a config are used', async () => {
    const types = { getTypeParser: () => (text: string) => `<${text}>` };
    const { rows } = await get(() => pool.query({ text: 'SELECT 1 AS n', types: types as never }));
    expect(rows).toEqual([{ n: '<1>' }]);
  });

  it('a function in place of a statement is refused in the words of pg-pool', async () => {
    const error = await new Promise<Error>((resolve) => pool.query(resolve as never));
    expect(error.message).toBe('Passing a function as the first parameter to pool.query is not supported');
  });
});
