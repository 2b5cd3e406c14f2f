import type { ReplicatedPool } from '@node-replicated/pg';
import { type ColumnType, CompiledQuery, type Generated, Kysely, PostgresDialect, sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { duringGet, duringPost, inUse, type Place, whereSql } from '../integration/stage.js';
import { type Library, libraryContract, readTransactionContract } from './library-contract.js';
import { stageLibrary } from './stage.js';

interface Tables {
  readonly notes: {
    readonly id: Generated<number>;
    readonly body: string;
    readonly port: ColumnType<number, never>;
  };
  readonly here: Place;
}

const stage = stageLibrary<{ readonly pool: ReplicatedPool; readonly db: Kysely<Tables> }>('kysely');

const library = (db: Kysely<Tables> = stage.example.db): Library => ({
  place: () => db.selectFrom('here').selectAll().executeTakeFirstOrThrow(),
  note: async (body) => {
    const { port } = await db
      .insertInto('notes')
      .values({ body })
      .returning('port')
      .executeTakeFirstOrThrow();
    return port;
  },
  count: async (body) => {
    const counted = db
      .selectFrom('notes')
      .where('body', '=', body)
      .select(({ fn }) => fn.countAll().as('n'));
    return Number((await counted.executeTakeFirstOrThrow()).n);
  },
  transaction: (fn) => db.transaction().execute((tx) => fn(library(tx))),
});

libraryContract(stage, library);

readTransactionContract((fn) =>
  stage.example.db
    .transaction()
    .setAccessMode('read only')
    .execute((tx) => fn(library(tx))),
);

it('raw SQL in a GET is read from a replica', async () => {
  const { rows } = await duringGet(() => sql.raw<Place>(whereSql).execute(stage.example.db));
  expect(rows).toMatchObject([{ standby: true }]);
});

it('an isolation level is that of the transaction on the primary', async () => {
  await duringGet(() =>
    stage.example.db
      .transaction()
      .setIsolationLevel('serializable')
      .execute(async (tx) => {
        const { rows } = await sql<{ level: string }>`
          SELECT current_setting('transaction_isolation') AS level, pg_is_in_recovery() AS standby`.execute(
          tx,
        );
        expect(rows).toEqual([{ level: 'serializable', standby: false }]);
      }),
  );
});

it('a transaction that reads only, but serializable, which no replica can do, runs on the primary', async () => {
  const { db } = stage.example;
  const place = duringGet(() =>
    db
      .transaction()
      .setAccessMode('read only')
      .setIsolationLevel('serializable')
      .execute((tx) => library(tx).place()),
  );
  expect(await place).toMatchObject({ standby: false });
});

it('a transaction that is controlled by hand may go back to a savepoint', async () => {
  const { db } = stage.example;
  await duringGet(async () => {
    const begun = await db.startTransaction().execute();
    const calls = library(begun);
    await calls.note('before the savepoint');
    const saved = await begun.savepoint('here').execute();
    await calls.note('after the savepoint');
    await saved.rollbackToSavepoint('here').execute();
    await begun.commit().execute();
  });
  expect(await library().count('before the savepoint')).toBe(1);
  expect(await library().count('after the savepoint')).toBe(0);
});

describe('a stream', () => {
  const numbers = () =>
    sql<{ standby: boolean }>`(SELECT pg_is_in_recovery() AS standby FROM generate_series(1, 1000))`.as('t');

  it('flows from a replica in a GET', async () => {
    const { db } = stage.example;
    await duringGet(async () => {
      const seen: boolean[] = [];
      for await (const { standby } of db.selectFrom(numbers()).selectAll().stream(100)) seen.push(standby);
      expect(seen).toEqual(Array(1000).fill(true));
    });
  });

  it('that is left early gives its connection back', async () => {
    const { db, pool } = stage.example;
    await duringGet(async () => {
      for await (const _ of db.selectFrom('here').selectAll().stream(1)) {
        expect(inUse(pool)).toBe(1);
        break;
      }
    });
    expect(inUse(pool)).toBe(0);
  });
});

describe('what onReserveConnection runs first', () => {
  const placeAfter = (statement: string): Promise<Place> => {
    const { pool } = stage.example;
    const dialect = new PostgresDialect({
      pool,
      onReserveConnection: async (connection) => {
        await connection.executeQuery(CompiledQuery.raw(statement));
      },
    });
    return duringGet(() =>
      new Kysely<Tables>({ dialect }).selectFrom('here').selectAll().executeTakeFirstOrThrow(),
    );
  };

  it('leaves the next statements where they are when it only reads', async () => {
    expect(await placeAfter('SELECT 1')).toMatchObject({ standby: true });
  });

  it('takes them to the primary when it sets something', async () => {
    expect(await placeAfter("SET application_name = 'reserved'")).toMatchObject({ standby: false });
    await duringPost(() => stage.example.pool.query('RESET application_name'));
  });
});

it('destroy() ends the pool', async () => {
  const { db, pool } = stage.example;
  await db.destroy();
  expect(pool.ended).toBe(true);
});
