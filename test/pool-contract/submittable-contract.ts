import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import { expect } from 'vitest';
import { failureOf } from '../integration/stage.js';
import type { Declare } from './implementation.js';

/** Statements that talk to the connection themselves. */
export function submittableContract(it: Declare): void {
  const leased = (name: string, body: (client: pg.PoolClient) => Promise<void>): void => {
    it(name, async (open) => {
      const pool = await open({ max: 1 });
      const client = await pool.connect();
      try {
        await body(client);
        expect((await client.query('SELECT 1 AS one')).rows, 'the client goes on').toEqual([{ one: 1 }]);
      } finally {
        client.release();
      }
    });
  };

  leased('query gives a submittable back', async (client) => {
    const query = new pg.Query('SELECT 7 AS n');
    const rows: unknown[] = [];
    query.on('row', (row) => rows.push(row));
    expect(client.query(query)).toBe(query);
    await once(query, 'end');
    expect(rows).toEqual([{ n: 7 }]);
  });

  leased('a submittable tells its error', async (client) => {
    const query = client.query(new pg.Query('SELECT * FROM missing'));
    expect((await once(query, 'error'))[0]).toMatchObject({ code: '42P01' });
  });

  it('the pool gives the result of a submittable', async (open) => {
    const pool = await open();
    const result: unknown = await pool.query(new pg.Query('SELECT 7 AS n'));
    expect(result).toMatchObject({ rows: [{ n: 7 }] });
  });

  leased('a cursor reads by and by, and is closed', async (client) => {
    const cursor = client.query(new Cursor('SELECT generate_series(1, $1::int) AS n', [1_000]));
    expect(await cursor.read(2)).toEqual([{ n: 1 }, { n: 2 }]);
    expect(await cursor.read(1)).toEqual([{ n: 3 }]);
    await cursor.close();
  });

  leased('a cursor is read to its end', async (client) => {
    const cursor = client.query(new Cursor('SELECT generate_series(1, 3) AS n'));
    expect(await cursor.read(10)).toHaveLength(3);
    expect(await cursor.read(10)).toEqual([]);
    await cursor.close();
  });

  leased('a cursor tells its error', async (client) => {
    const cursor = client.query(new Cursor('SELECT * FROM missing'));
    expect(await failureOf(cursor.read(1))).toMatchObject({ code: '42P01' });
    await cursor.close();
  });

  leased('a stream of rows', async (client) => {
    const stream = client.query(
      new QueryStream('SELECT generate_series(1, 500) AS n', [], { batchSize: 50 }),
    );
    let sum = 0;
    for await (const { n } of stream) sum += n;
    expect(sum).toBe(125_250);
  });

  leased('a stream of rows that is left early', async (client) => {
    const stream = client.query(new QueryStream('SELECT generate_series(1, 5000) AS n'));
    for await (const { n } of stream) if (n === 5) break;
  });

  leased('COPY both ways', async (client) => {
    const lines = Array.from({ length: 1_000 }, (_, i) => `${i}\tbody ${i}\n`);
    await pipeline(Readable.from(lines), client.query(copyFrom('COPY items (id, body) FROM STDIN')));
    const { rows } = await client.query('SELECT count(*)::int AS n FROM items');
    expect(rows).toEqual([{ n: 1_000 }]);
    const out = client.query(copyTo('COPY (SELECT id, body FROM items ORDER BY id) TO STDOUT'));
    expect(await text(out)).toBe(lines.join(''));
    await client.query('TRUNCATE items');
  });

  leased('statements behind a submittable wait for it', async (client) => {
    const stream = client.query(new QueryStream('SELECT generate_series(1, 300) AS n'));
    let read = 0;
    const reading = (async () => {
      for await (const _ of stream) read += 1;
    })();
    const seen = await client.query('SELECT 1').then(() => read);
    await reading;
    expect(seen).toBe(300);
  });
}
