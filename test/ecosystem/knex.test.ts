import type { ReplicatedPool } from '@node-replicated/pg';
import createKnex, { type Knex } from 'knex';
import type { PoolClient } from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  duringGet,
  duringPost,
  eventually,
  failureOf,
  inUse,
  type Place,
  whereSql,
} from '../integration/stage.js';
import {
  builderContract,
  type Library,
  libraryContract,
  nestingContract,
  readTransactionContract,
} from './library-contract.js';
import { stageLibrary } from './stage.js';

interface KnexExample {
  readonly pool: ReplicatedPool;
  readonly knex: Knex;
}

const stage = stageLibrary<KnexExample>('knex');

const library = (knex: Knex = stage.example.knex): Library => ({
  place: () => knex<Place>('here').first().then(found),
  note: (body) =>
    knex<{ body: string; port: number }>('notes')
      .insert({ body })
      .returning('port')
      .then(([written]) => found(written).port),
  count: (body) =>
    knex('notes')
      .where({ body })
      .count({ n: '*' })
      .then(([counted]) => Number(counted?.n)),
  transaction: (fn) => knex.transaction((tx) => fn(library(tx))),
});

libraryContract(stage, library);

nestingContract(library);

builderContract(() => stage.example.knex('here').first());

readTransactionContract((fn) => stage.example.knex.transaction((tx) => fn(library(tx)), { readOnly: true }));

it('raw SQL in a GET is read from a replica', async () => {
  const { rows } = await duringGet(async () => stage.example.knex.raw(whereSql));
  expect(rows).toMatchObject([{ standby: true }]);
});

it('a transaction that is handed on by hand may be rolled back by hand', async () => {
  await duringGet(async () => {
    const tx = await stage.example.knex.transaction();
    await tx('notes').insert({ body: 'by hand' });
    expect(await library(tx).count('by hand')).toBe(1);
    await tx.rollback();
  });
  expect(await library().count('by hand')).toBe(0);
});

it('its isolation level is that of the transaction on the primary', async () => {
  const { rows } = await duringGet(() =>
    stage.example.knex.transaction(
      (tx) =>
        tx.raw("SELECT current_setting('transaction_isolation') AS level, pg_is_in_recovery() AS standby"),
      { isolationLevel: 'serializable' },
    ),
  );
  expect(rows).toEqual([{ level: 'serializable', standby: false }]);
});

describe('a stream', () => {
  const numbers = (knex: Knex) =>
    knex.select({ standby: knex.raw('pg_is_in_recovery()') }).from(knex.raw('generate_series(1, 1000) AS n'));

  it('flows from a replica in a GET, inside a transaction that reads only', async () => {
    const seen: boolean[] = [];
    const reading = async (tx: Knex): Promise<void> => {
      for await (const { standby } of numbers(tx).stream()) seen.push(standby);
    };
    await duringGet(() => stage.example.knex.transaction(reading, { readOnly: true }));
    expect(seen).toEqual(Array(1000).fill(true));
  });

  it('that is left early gives its connection back with its transaction', async () => {
    const { knex, pool } = stage.example;
    const reading = async (tx: Knex): Promise<void> => {
      for await (const _ of numbers(tx).stream()) {
        expect(inUse(pool)).toBe(1);
        break;
      }
    };
    await duringPost(() => knex.transaction(reading));
    await eventually('the connection is back', () => inUse(pool) === 0);
  });

  it('outside a transaction is released twice by Knex', async () => {
    let releases = 0;
    const connect = async (): Promise<PoolClient> => {
      const client = await stage.example.pool.connect();
      const { release } = client;
      client.release = (error) => {
        releases += 1;
        if (releases === 1) release(error);
      };
      return client;
    };
    const { end, totalCount, idleCount, waitingCount } = stage.example.pool;
    const connectionPool = { connect, end, totalCount, idleCount, waitingCount };
    await duringGet(async () => {
      for await (const _ of numbers(createKnex({ client: 'pg', connectionPool })).stream());
    });
    await eventually('Knex has released it again', () => releases === 2);
  });
});

describe('timeout()', () => {
  afterEach(() => vi.unstubAllEnvs());
  const slow = () => stage.example.knex.raw('SELECT pg_sleep(60)');

  it('gives up on a statement, and on its connection', async () => {
    const error = await failureOf(duringGet(async () => slow().timeout(50)));
    expect(error.message).toContain('timeout of 50ms exceeded');
  });

  it('with cancel cannot cancel it, as Knex has no settings for the connection that this takes', async () => {
    vi.stubEnv('PGHOST', '127.0.0.1');
    vi.stubEnv('PGPORT', '1');
    const error = await failureOf(duringGet(async () => slow().timeout(50, { cancel: true })));
    expect(error.message).toContain('cancelling of query failed');
  });
});

it('destroy() leaves the pool, which it does not own, to its owner', async () => {
  const { knex, pool } = stage.example;
  await knex.destroy();
  expect(pool.ending).toBe(false);
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

function found<T>(row: T | undefined): T {
  if (row === undefined) throw new Error('There is no such row.');
  return row;
}
