import { expect } from 'vitest';
import { eventually, failureOf } from '../integration/stage.js';
import { collect, counts, type Declare, sessionsOf } from './implementation.js';

/** How a client is given back. */
export function releaseContract(it: Declare): void {
  it('twice is an error, also through the function that the callback got', async (open) => {
    const pool = await open();
    const words = 'Release called on client which has already been released to the pool.';
    const client = await pool.connect();
    client.release();
    for (let i = 0; i < 2; i++) expect(() => client.release()).toThrow(words);
    const release = await new Promise<() => void>((resolve) => pool.connect((_, __, done) => resolve(done)));
    release();
    for (let i = 0; i < 2; i++) expect(() => release()).toThrow(words);
  });

  for (const reason of [true, new Error('broken')])
    it(`with ${reason} closes the connection`, async (open) => {
      const pool = await open({ application_name: 'given up' });
      const events = collect(pool, ['release', 'remove']);
      const client = await pool.connect();
      client.release(reason);
      expect(counts(pool)).toEqual([0, 0, 0]);
      await eventually('it is told', () => events.length === 2);
      expect(events[0]?.[2]).toBe(client);
      expect(events[1]).toEqual(['remove', client]);
      await eventually('its session has ended', async () => (await sessionsOf('given up')) === 0);
      const next = await pool.connect();
      expect(next).not.toBe(client);
      next.release();
    });

  it('with an error hands that to whoever listens', async (open) => {
    const pool = await open();
    const events = collect(pool, ['release']);
    const reason = new Error('enough');
    const client = await pool.connect();
    client.release(reason);
    expect(events).toEqual([['release', reason, client]]);
  });

  for (const reason of [false, undefined])
    it(`with ${reason} keeps the connection`, async (open) => {
      const pool = await open();
      const client = await pool.connect();
      client.release(reason);
      expect(counts(pool)).toEqual([1, 1, 0]);
      const again = await pool.connect();
      expect(again).toBe(client);
      again.release();
    });

  it('after a statement that failed keeps the connection', async (open) => {
    const pool = await open();
    const client = await pool.connect();
    await failureOf(client.query('SELECT * FROM missing'));
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    client.release();
    expect(counts(pool)).toEqual([1, 1, 0]);
  });

  it('of one that was ended removes it', async (open) => {
    const pool = await open({ max: 1 });
    const client = await pool.connect();
    void Reflect.apply(Reflect.get(client, 'end'), client, []);
    client.release();
    expect(counts(pool)).toEqual([0, 0, 0]);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('as the manual has it: query and release may be replaced while it is out', async (open) => {
    const pool = await open({ max: 1 });
    const seen: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      const client = await pool.connect();
      const { query, release } = client;
      client.query = ((...args: Parameters<typeof query>) => {
        seen.push(args[0]);
        return query.apply(client, args);
      }) as typeof query;
      client.release = (reason) => {
        client.query = query;
        client.release = release;
        release.call(client, reason);
      };
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      client.release();
      await pool.query('SELECT 2');
    }
    expect(seen).toEqual(['SELECT 1 AS one', 'SELECT 1 AS one']);
    expect(counts(pool)).toEqual([1, 1, 0]);
  });
}
