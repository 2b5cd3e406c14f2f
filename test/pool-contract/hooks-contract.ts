import type pg from 'pg';
import { expect } from 'vitest';
import { counts, type Declare, refusalOf, sessionsOf } from './implementation.js';

/** What an application may do with each new connection. */
export function hooksContract(it: Declare): void {
  it('onConnect is called once for each connection, before anybody gets it', async (open) => {
    const seen: unknown[] = [];
    const pool = await open({
      max: 2,
      onConnect: async (client) => {
        seen.push(client);
        await client.query("SET application_name = 'set by onConnect'");
      },
    });
    const [a, b] = [await pool.connect(), await pool.connect()];
    expect(seen).toEqual([a, b]);
    const sql = "SELECT current_setting('application_name') AS name";
    expect((await a.query(sql)).rows).toEqual([{ name: 'set by onConnect' }]);
    a.release();
    b.release();
    expect((await pool.query(sql)).rows).toEqual([{ name: 'set by onConnect' }]);
    expect(seen).toHaveLength(2);
  });

  it('what onConnect leaves on a client is there for its user', async (open) => {
    const pool = await open({ max: 1, onConnect: (client) => void Object.assign(client, { mark: 'made' }) });
    for (let i = 0; i < 2; i++) {
      const client = await pool.connect();
      expect(client).toMatchObject({ mark: 'made' });
      client.release();
    }
  });

  for (const [kind, onConnect] of [
    ['throws', (): void => refuse()],
    ['rejects', async (): Promise<void> => refuse()],
  ] as const) {
    it(`an onConnect that ${kind} fails the checkout with its error, and leaves no connection`, async (open) => {
      const pool = await open({ onConnect, application_name: 'refused' });
      expect(await refusalOf(pool.connect())).toBe('not this one');
      expect(await refusalOf(pool.query('SELECT 1'))).toBe('not this one');
      expect(counts(pool)).toEqual([0, 0, 0]);
      expect(await sessionsOf('refused')).toBe(0);
    });
  }

  it('after an onConnect that failed the next one is tried', async (open) => {
    let tries = 0;
    const pool = await open({
      max: 1,
      onConnect: () => {
        tries += 1;
        if (tries === 1) refuse();
      },
    });
    const [refused, served] = [refusalOf(pool.connect()), pool.connect()];
    expect(await refused).toBe('not this one');
    (await served).release();
    expect(tries).toBe(2);
  });

  it('no event tells of a connection that onConnect refused', async (open) => {
    const pool = await open({ onConnect: refuse });
    let told = 0;
    pool.on('connect', () => {
      told += 1;
    });
    await refusalOf(pool.connect());
    expect(told).toBe(0);
  });

  it('verify is asked for each new connection, and may ask the server', async (open) => {
    const asked: unknown[] = [];
    const pool = await open({
      max: 1,
      verify: (client, done) => {
        asked.push(client);
        client.query('SELECT 1', (error: Error) => done(error ?? undefined));
      },
    });
    for (let i = 0; i < 2; i++) {
      const client = await pool.connect();
      expect(asked).toEqual([client]);
      client.release();
    }
  });

  it('a connection that verify refuses is closed, and its error told', async (open) => {
    const verify: pg.PoolConfig['verify'] = (_, done) => done(new Error('not this one'));
    const pool = await open({ verify });
    expect(await refusalOf(pool.connect())).toBe('not this one');
    expect(await refusalOf(pool.query('SELECT 1'))).toBe('not this one');
    expect(counts(pool)).toEqual([0, 0, 0]);
  });
}

function refuse(): never {
  throw new Error('not this one');
}
