import pg from 'pg';
import { expect } from 'vitest';
import { failureOf } from '../integration/stage.js';
import type { Declare } from './implementation.js';

/** What `pool.query` and `client.query` take, and what they give. */
export function statementContract(it: Declare): void {
  /** Both ways to run a statement. */
  const onBoth = (
    name: string,
    body: (query: pg.ClientBase['query']) => Promise<void>,
    options?: pg.PoolConfig,
  ): void => {
    it(`${name} (pool)`, async (open) => {
      const pool = await open(options);
      await body(pool.query.bind(pool));
    });
    it(`${name} (client)`, async (open) => {
      const pool = await open(options);
      const client = await pool.connect();
      try {
        await body(client.query.bind(client));
      } finally {
        client.release();
      }
    });
  };

  onBoth('a text', async (query) => {
    const result = await query('SELECT 1 AS one, NULL AS nothing');
    expect(result).toMatchObject({ command: 'SELECT', rowCount: 1, rows: [{ one: 1, nothing: null }] });
    expect(result.fields.map(({ name, dataTypeID }) => [name, dataTypeID])).toEqual([
      ['one', 23],
      ['nothing', 25],
    ]);
  });

  onBoth('a text with values, of which undefined is NULL', async (query) => {
    const { rows } = await query('SELECT $1::int AS n, $2::text AS t, $3::int[] AS list', [
      7,
      undefined,
      [1, 2],
    ]);
    expect(rows).toEqual([{ n: 7, t: null, list: [1, 2] }]);
  });

  onBoth('a config, which is left as it is and may be used again', async (query) => {
    const config = Object.freeze({ text: 'SELECT $1::int AS n', values: Object.freeze([7]) as number[] });
    for (let i = 0; i < 2; i++) expect((await query(config)).rows).toEqual([{ n: 7 }]);
  });

  onBoth('a config with its values beside it', async (query) => {
    expect((await query({ text: 'SELECT $1::int AS n' }, [7])).rows).toEqual([{ n: 7 }]);
  });

  onBoth('a named statement, again and again', async (query) => {
    for (let i = 0; i < 5; i++) {
      const { rows } = await query({ name: 'nth', text: 'SELECT $1::int AS n', values: [i] });
      expect(rows).toEqual([{ n: i }]);
    }
  });

  it('a name that stands for two texts on one connection is an error', async (open) => {
    const pool = await open({ max: 1 });
    const client = await pool.connect();
    await client.query({ name: 'taken', text: 'SELECT 1' });
    const error = await failureOf(client.query({ name: 'taken', text: 'SELECT 2' }));
    expect(error.message).toContain('Prepared statements must be unique');
    client.release();
  });

  onBoth('rows as arrays', async (query) => {
    const { rows } = await query({ text: 'SELECT 1, 2 UNION ALL SELECT 3, 4', rowMode: 'array' });
    expect(rows).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  onBoth('parsers of one statement', async (query) => {
    const types = { getTypeParser: () => (text: unknown) => `<${text}>` };
    expect((await query({ text: 'SELECT 1 AS n', types })).rows).toEqual([{ n: '<1>' }]);
  });

  onBoth('several statements in one text', async (query) => {
    const results: unknown = await query('SELECT 1 AS a; SELECT 2 AS b');
    expect(results).toMatchObject([{ rows: [{ a: 1 }] }, { rows: [{ b: 2 }] }]);
  });

  onBoth('an empty text', async (query) => {
    expect(await query('')).toMatchObject({ rows: [], rowCount: null });
  });

  onBoth('rows that were written', async (query) => {
    const { rows, rowCount, command } = await query(
      "INSERT INTO items (body) VALUES ('x'), ('y') RETURNING body",
    );
    expect({ rows, rowCount, command }).toEqual({
      rows: [{ body: 'x' }, { body: 'y' }],
      rowCount: 2,
      command: 'INSERT',
    });
    expect((await query('DELETE FROM items')).rowCount).toBe(2);
  });

  onBoth("an error is the database's, with a stack that leads here", async (query) => {
    const error = await failureOf(query('SELECT * FROM missing'));
    expect(error).toBeInstanceOf(pg.DatabaseError);
    expect(error).toMatchObject({ code: '42P01', severity: 'ERROR', position: '15' });
    expect(error.stack).toContain('statement-contract');
  });

  onBoth('after an error the next statement runs', async (query) => {
    await failureOf(query('SELECT FROM WHERE'));
    expect((await query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  onBoth('a value that cannot be sent is an error', async (query) => {
    const loop: Record<string, unknown> = {};
    loop.loop = loop;
    expect((await failureOf(query('SELECT $1', [loop]))).message).toContain('circular');
  });

  it('no statement at all is an error: of the promise of a pool, at once of a client', async (open) => {
    const pool = await open();
    const words = 'Client was passed a null or undefined query';
    expect((await failureOf(pool.query(null as never))).message).toBe(words);
    const client = await pool.connect();
    expect(() => client.query(undefined as never)).toThrow(words);
    client.release();
  });

  it('a function in the place of a statement is told that it is none', async (open) => {
    const pool = await open();
    const error = await new Promise<Error>((resolve) => {
      expect(pool.query(resolve as never)).toBeUndefined();
    });
    expect(error.message).toBe('Passing a function as the first parameter to pool.query is not supported');
  });

  it('statements of one client keep their order', async (open) => {
    const pool = await open();
    const client = await pool.connect();
    const done: number[] = [];
    const all = [3, 1, 2].map((ms, index) =>
      client.query('SELECT pg_sleep($1::float / 100)', [ms]).then(() => done.push(index)),
    );
    await Promise.all(all);
    expect(done).toEqual([0, 1, 2]);
    client.release();
  });
}
