import { describe, expect, it } from 'vitest';
import { leased, notes, pool, stageLeases } from './pool-stage.js';
import { during, duringGet, failureOf, request, within } from './stage.js';

stageLeases();

describe('order', () => {
  it.each(['GET', 'POST'])('is kept by statements that nobody awaits, in a %s', async (method) => {
    const body = `ordered ${method}`;
    const done: string[] = [];
    await during(request(method), async () => {
      const client = await pool.connect();
      const run = (name: string, sql: string): Promise<unknown> =>
        client.query(sql).then(() => done.push(name));
      const all = [
        run('select', 'SELECT 1'),
        run('begin', 'BEGIN'),
        run('insert', `INSERT INTO notes (body) VALUES ('${body}')`),
        run('count', 'SELECT count(*) FROM notes'),
        run('commit', 'COMMIT'),
        run('after', 'SELECT 2'),
      ];
      client.release();
      await Promise.all(all);
    });
    expect(done).toEqual(['select', 'begin', 'insert', 'count', 'commit', 'after']);
    expect(await notes(body)).toBe(1);
  });

  it.each(['GET', 'POST'])('is kept by callbacks, in a %s', async (method) => {
    const done: string[] = [];
    await during(request(method), async () => {
      const client = await pool.connect();
      await new Promise<void>((resolve) => {
        client.query('SELECT 1', () => done.push('first'));
        client.query("SELECT note_down('by callback')", () => done.push('second'));
        client.query('SELECT $1::int', [1], () => {
          done.push('third');
          resolve();
        });
      });
      client.release();
    });
    expect(done).toEqual(['first', 'second', 'third']);
  });

  it('a COMMIT that nobody awaits is finished before the connection is used again', async () => {
    for (let i = 0; i < 10; i++) {
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query("INSERT INTO notes (body) VALUES ('not awaited')");
      const commit = client.query('COMMIT');
      client.release();
      await commit;
    }
    expect(await notes('not awaited')).toBe(10);
  });

  it('a statement that fails between others does not stop those behind it', async () => {
    await duringGet(() =>
      leased(async (client) => {
        const failing = failureOf(client.query('SELECT * FROM missing'));
        const next = client.query('SELECT 1 AS one');
        expect(await failing).toMatchObject({ code: '42P01' });
        expect((await next).rows).toEqual([{ one: 1 }]);
      }),
    );
  });

  it('a callback that throws is called once', async () => {
    const calls: unknown[][] = [];
    const thrown = new Error('thrown by a callback');
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const surfaced = new Promise((resolve) => process.once('uncaughtException', resolve));
    try {
      await duringGet(async () => {
        const client = await pool.connect();
        client.query('SELECT 1', (...args: unknown[]) => {
          calls.push(args);
          if (calls.length === 1) throw thrown;
        });
        const next = within(3_000, 'the next statement', client.query('SELECT 2 AS two'));
        client.release();
        expect((await next).rows).toEqual([{ two: 2 }]);
      });
      expect(calls).toHaveLength(1);
      expect(await within(2_000, 'the error surfaces', surfaced)).toBe(thrown);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const other of others) process.on('uncaughtException', other);
    }
  });
});
