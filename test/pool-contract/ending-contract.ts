import { expect } from 'vitest';
import { eventually, within } from '../integration/stage.js';
import { counts, type Declare, refusalOf, sessionsOf } from './implementation.js';

/** What `end()` does, and what is left to do after it. */
export function endingContract(it: Declare): void {
  const refused = 'Cannot use a pool after calling end on the pool';

  it('a pool that was never used ends', async (open) => {
    const pool = await open();
    expect([pool.ending, pool.ended]).toEqual([false, false]);
    await pool.end();
    expect([pool.ending, pool.ended]).toEqual([true, true]);
  });

  it('with a callback it gives nothing back, and calls it', async (open) => {
    const pool = await open();
    await pool.query('SELECT 1');
    const args = await new Promise<unknown[]>((resolve) => {
      expect(pool.end((...all: unknown[]) => resolve(all)) as unknown).toBeUndefined();
    });
    expect(args[0]).toBeUndefined();
    expect(pool.ended).toBe(true);
  });

  it('closes the connections that are idle', async (open) => {
    const pool = await open({ application_name: 'to be closed' });
    await Promise.all([pool.query('SELECT pg_sleep(0.01)'), pool.query('SELECT pg_sleep(0.01)')]);
    expect(pool.idleCount).toBe(2);
    await pool.end();
    expect(counts(pool)).toEqual([0, 0, 0]);
    await eventually('their sessions have ended', async () => (await sessionsOf('to be closed')) === 0);
  });

  it('waits for clients that are out, which go on to work', async (open) => {
    const pool = await open();
    const client = await pool.connect();
    const ending = pool.end();
    expect([pool.ending, pool.ended]).toEqual([true, false]);
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(pool.ended).toBe(false);
    client.release();
    await within(5_000, 'the end', ending);
    expect(pool.ended).toBe(true);
    expect(counts(pool)).toEqual([0, 0, 0]);
  });

  it('waits for statements that are under way', async (open) => {
    const pool = await open();
    let done = 0;
    const queries = Array.from({ length: 10 }, () =>
      pool.query('SELECT pg_sleep(0.02)').then(() => (done += 1)),
    );
    await within(5_000, 'the end', pool.end());
    await Promise.all(queries);
    expect(done).toBe(10);
  });

  it('a second time is an error, in both styles', async (open) => {
    const pool = await open();
    const first = pool.end();
    const words = 'Called end on pool more than once';
    expect(await refusalOf(pool.end())).toBe(words);
    const error = await new Promise((resolve) => pool.end((...all: unknown[]) => resolve(all[0])));
    expect(error).toMatchObject({ message: words });
    await first;
  });

  it('after it statements and checkouts are refused, in both styles', async (open) => {
    const pool = await open();
    await pool.end();
    expect(await refusalOf(pool.query('SELECT 1'))).toBe(refused);
    expect(await refusalOf(pool.connect())).toBe(refused);
    const told = [
      await new Promise<Error>((resolve) => pool.query('SELECT 1', resolve)),
      await new Promise<unknown>((resolve) => pool.connect(resolve)),
    ];
    expect(told).toEqual([
      expect.objectContaining({ message: refused }),
      expect.objectContaining({ message: refused }),
    ]);
  });

  it('while it waits statements and checkouts are refused', async (open) => {
    const pool = await open();
    const client = await pool.connect();
    const ending = pool.end();
    expect(await refusalOf(pool.query('SELECT 1'))).toBe(refused);
    expect(await refusalOf(pool.connect())).toBe(refused);
    client.release();
    await within(5_000, 'the end', ending);
  });
}
