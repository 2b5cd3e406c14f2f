import pg from 'pg';
import { expect } from 'vitest';
import { within } from '../integration/stage.js';
import type { Declare } from './implementation.js';

/** The older of `pg`'s two styles. */
export function callbackContract(it: Declare): void {
  it('gives nothing back, and calls with the result', async (open) => {
    const pool = await open();
    const args = await new Promise<unknown[]>((resolve) => {
      const given: unknown = pool.query('SELECT $1::int AS n', [7], (...all: unknown[]) => resolve(all));
      expect(given).toBeUndefined();
    });
    expect(args).toEqual([undefined, expect.objectContaining({ rows: [{ n: 7 }] })]);
  });

  it('may stand in the place of the values', async (open) => {
    const pool = await open();
    const { rows } = await new Promise<pg.QueryResult>((resolve, reject) => {
      pool.query('SELECT 1 AS one', (error: Error, result) => (error ? reject(error) : resolve(result)));
    });
    expect(rows).toEqual([{ one: 1 }]);
  });

  it('calls with the error', async (open) => {
    const pool = await open();
    const args = await new Promise<unknown[]>((resolve) => {
      pool.query('SELECT * FROM missing', (...all: unknown[]) => resolve(all));
    });
    expect(args[0]).toBeInstanceOf(pg.DatabaseError);
    expect(args[1]).toBeUndefined();
  });

  it('is never called before the call has returned', async (open) => {
    const pool = await open({ max: 1 });
    await pool.query('SELECT 1');
    for (let i = 0; i < 2; i++) {
      let returned = false;
      await new Promise<void>((resolve) => {
        pool.connect((_, client) => {
          expect(returned).toBe(true);
          client?.release();
          resolve();
        });
        returned = true;
      });
    }
  });

  it('connect gives nothing back, and calls with a client and its release', async (open) => {
    const pool = await open();
    const same = await new Promise<boolean>((resolve) => {
      const given: unknown = pool.connect((error, client, release) => {
        expect(error).toBeUndefined();
        expect(client).toBeInstanceOf(pg.Client);
        resolve(release === client?.release);
        release();
        expect(() => release()).toThrow('already been released');
      });
      expect(given).toBeUndefined();
    });
    expect(same).toBe(true);
  });

  it('a client calls with null and the result, or with the error', async (open) => {
    const pool = await open();
    const client = await pool.connect();
    const call = (text: string): Promise<unknown[]> =>
      new Promise((resolve) => {
        const given: unknown = client.query(text, (...all: unknown[]) => resolve(all));
        expect(given).toBeUndefined();
      });
    expect(await call('SELECT 1 AS one')).toEqual([null, expect.objectContaining({ rows: [{ one: 1 }] })]);
    expect((await call('SELECT * FROM missing'))[0]).toMatchObject({ code: '42P01' });
    client.release();
  });

  it('a client may be released in the callback of its statement', async (open) => {
    const pool = await open({ max: 1 });
    for (const text of ['SELECT 1', 'SELECT * FROM missing']) {
      await new Promise<void>((resolve) => {
        pool.connect((_, client, release) => {
          client?.query(text, () => {
            release();
            resolve();
          });
        });
      });
    }
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('may stand in the config of a statement', async (open) => {
    const pool = await open();
    const client = await pool.connect();
    const { rows } = await new Promise<pg.QueryResult>((resolve) => {
      const config = {
        text: 'SELECT 1 AS one',
        callback: (_: unknown, result: pg.QueryResult) => resolve(result),
      };
      client.query(config);
    });
    expect(rows).toEqual([{ one: 1 }]);
    client.release();
  });

  it('what it throws is thrown as an uncaught error, once', async (open) => {
    const pool = await open();
    const client = await pool.connect();
    const ways: ((callback: () => void) => unknown)[] = [
      (callback) => pool.query('SELECT 1', callback),
      (callback) => client.query('SELECT 1', callback),
    ];
    for (const way of ways) {
      const thrown = new Error('thrown by a callback');
      let calls = 0;
      const surfaced = await uncaught(() =>
        way(() => {
          calls += 1;
          throw thrown;
        }),
      );
      expect(surfaced).toBe(thrown);
      await client.query('SELECT 1');
      expect(calls).toBe(1);
    }
    client.release();
  });
}

/** The error that ends nobody's process, because this listens for it. */
async function uncaught(fn: () => unknown): Promise<unknown> {
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  try {
    const surfaced = new Promise((resolve) => process.once('uncaughtException', resolve));
    fn();
    return await within(5_000, 'the error surfaces', surfaced);
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const other of others) process.on('uncaughtException', other);
  }
}
