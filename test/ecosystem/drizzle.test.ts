import type { ReplicatedPool } from '@node-replicated/pg';
import { eq, sql } from 'drizzle-orm';
import type { NodePgDatabase, NodePgQueryResultHKT } from 'drizzle-orm/node-postgres';
import { boolean, integer, type PgDatabase, pgTable, pgView, serial, text } from 'drizzle-orm/pg-core';
import { expect, it } from 'vitest';
import { duringGet, duringPost } from '../integration/stage.js';
import {
  builderContract,
  type Library,
  libraryContract,
  nestingContract,
  readTransactionContract,
} from './library-contract.js';
import { stageLibrary } from './stage.js';

const notes = pgTable('notes', { id: serial().primaryKey(), body: text().notNull(), port: integer() });
const here = pgView('here', { port: integer(), standby: boolean(), reader: boolean() }).existing();

type Schema = { readonly notes: typeof notes };

interface DrizzleExample {
  readonly pool: ReplicatedPool;
  readonly db: NodePgDatabase<Schema>;
}

const stage = stageLibrary<DrizzleExample>('drizzle');
const standby = sql<boolean>`pg_is_in_recovery()`.as('standby');

const library = (db: PgDatabase<NodePgQueryResultHKT, Schema> = stage.example.db): Library => ({
  place: async () => {
    const [place] = await db.select().from(here);
    return { port: Number(place?.port), standby: place?.standby === true, reader: place?.reader === true };
  },
  note: async (body) => {
    const [written] = await db.insert(notes).values({ body }).returning({ port: notes.port });
    return Number(written?.port);
  },
  count: (body) => db.$count(notes, eq(notes.body, body)),
  transaction: (fn) => db.transaction((tx) => fn(library(tx))),
});

libraryContract(stage, library);

nestingContract(library);

builderContract(() => stage.example.db.select().from(here));

readTransactionContract((fn) =>
  stage.example.db.transaction((tx) => fn(library(tx)), { accessMode: 'read only' }),
);

it('the relational queries of a GET read from a replica', async () => {
  const { db } = stage.example;
  await duringPost(() => library().note('with relations'));
  await stage.cluster.waitForCatchUp();
  const found = await duringGet(async () =>
    db.query.notes.findFirst({ where: eq(notes.body, 'with relations'), extras: { standby } }),
  );
  expect(found).toMatchObject({ body: 'with relations', standby: true });
});

it('a prepared statement runs where each of its calls has to', async () => {
  const prepared = stage.example.db.select({ standby }).from(here).prepare('where_am_i');
  const asked = [
    await duringGet(() => prepared.execute()),
    await duringPost(() => prepared.execute()),
    await duringGet(() => prepared.execute()),
  ];
  expect(asked.flat()).toEqual([{ standby: true }, { standby: false }, { standby: true }]);
});

it('a locking read in a GET runs on the primary, in the same transaction or without one', async () => {
  const { db } = stage.example;
  await duringPost(() => library().note('locked'));
  const locked = await duringGet(async () =>
    db.select({ standby }).from(notes).where(eq(notes.body, 'locked')).for('update'),
  );
  expect(locked).toEqual([{ standby: false }]);
});
