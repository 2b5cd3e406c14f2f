import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import { describe, expect, it } from 'vitest';
import { leased, notes, stageLeases } from './pool-stage.js';
import { during, duringGet, request } from './stage.js';

stageLeases();

describe.each(['GET', 'POST'])('cursors, streams and COPY in a %s', (method) => {
  const inside = <T>(fn: (client: pg.PoolClient) => Promise<T>): Promise<T> =>
    during(request(method), () => leased(fn));

  it('pg-cursor reads in portions', async () => {
    await inside(async (client) => {
      const cursor = client.query(new Cursor('SELECT generate_series(1, 5) AS n, pg_is_in_recovery() AS s'));
      const standby = method === 'GET';
      expect(await cursor.read(2)).toEqual([
        { n: 1, s: standby },
        { n: 2, s: standby },
      ]);
      expect(await cursor.read(10)).toHaveLength(3);
      await cursor.close();
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('pg-cursor may be closed early, and inside a transaction', async () => {
    await inside(async (client) => {
      await client.query('BEGIN');
      const cursor = client.query(new Cursor('SELECT generate_series(1, 1000) AS n'));
      expect(await cursor.read(1)).toEqual([{ n: 1 }]);
      await cursor.close();
      await client.query('COMMIT');
    });
  });

  it('pg-cursor tells of an error', async () => {
    await inside(async (client) => {
      const cursor = client.query(new Cursor('SELECT 1 / (3 - n) FROM generate_series(1, 5) AS n'));
      await expect(cursor.read(10)).rejects.toMatchObject({ code: '22012' });
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('pg-query-stream flows', async () => {
    await inside(async (client) => {
      const rows: unknown[] = [];
      for await (const row of client.query(new QueryStream('SELECT generate_series(1, 300) AS n')))
        rows.push(row);
      expect(rows).toHaveLength(300);
    });
  });

  it('pg-query-stream may be left early', async () => {
    await inside(async (client) => {
      for await (const _ of client.query(new QueryStream('SELECT generate_series(1, 100000) AS n'))) break;
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('COPY TO flows', async () => {
    await inside(async (client) => {
      let text = '';
      const sink = new Writable({
        write(chunk, _, done) {
          text += chunk;
          done();
        },
      });
      await pipeline(client.query(copyTo('COPY (SELECT generate_series(1, 3)) TO STDOUT')), sink);
      expect(text).toBe('1\n2\n3\n');
    });
  });

  it('COPY FROM flows, to the primary', async () => {
    const body = `copied ${method}`;
    await inside(async (client) => {
      const lines = Array.from({ length: 100 }, () => `${body}\n`);
      await pipeline(Readable.from(lines), client.query(copyFrom('COPY notes (body) FROM STDIN')));
    });
    expect(await notes(body)).toBe(100);
  });

  it('COPY FROM whose source fails copies nothing, and leaves the client usable', async () => {
    const body = `broken ${method}`;
    await inside(async (client) => {
      const source = Readable.from(
        (function* lines() {
          yield `${body}\n`;
          throw new Error('no more');
        })(),
      );
      await expect(pipeline(source, client.query(copyFrom('COPY notes (body) FROM STDIN')))).rejects.toThrow(
        'no more',
      );
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
    expect(await notes(body)).toBe(0);
  });

  it('a pg.Query gives its rows as events', async () => {
    await inside(async (client) => {
      const rows: unknown[] = [];
      const query = client.query(new pg.Query('SELECT generate_series(1, 3) AS n'));
      query.on('row', (row: unknown) => rows.push(row));
      await once(query, 'end');
      expect(rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    });
  });
});

it('COPY TO in a GET reads from a replica, and does not count as written', async () => {
  const scope = request('GET');
  let text = '';
  await during(scope, () =>
    leased(async (client) => {
      const sink = new Writable({
        write(chunk, _, done) {
          text += chunk;
          done();
        },
      });
      await pipeline(client.query(copyTo('COPY (SELECT pg_is_in_recovery()) TO STDOUT')), sink);
    }),
  );
  expect(text).toBe('t\n');
  expect(scope.session.wrote()).toBe(false);
});

it('a cursor that turns out to write goes straight to the primary the next time', async () => {
  const sql = "SELECT note_down('by cursor')";
  await duringGet(() =>
    leased(async (client) => {
      await expect(client.query(new Cursor(sql)).read(1)).rejects.toMatchObject({ code: '25006' });
    }),
  );
  await duringGet(() =>
    leased(async (client) => {
      const cursor = client.query(new Cursor(sql));
      expect(await cursor.read(1)).toHaveLength(1);
      await cursor.close();
    }),
  );
  expect(await notes('by cursor')).toBe(1);
});
