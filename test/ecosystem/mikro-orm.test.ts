import { type EntityClass, type EntityManager, LockMode, type MikroORM, raw } from '@mikro-orm/postgresql';
import type { ReplicatedPool } from '@node-replicated/pg';
import { expect, it } from 'vitest';
import {
  during,
  duringGet,
  duringPost,
  failureOf,
  numberOn,
  type Place,
  request,
  whereSql,
} from '../integration/stage.js';
import {
  type Library,
  libraryContract,
  nestingContract,
  readTransactionContract,
} from './library-contract.js';
import { stageLibrary } from './stage.js';

interface Note {
  id: number;
  body: string;
}

interface MikroOrmExample {
  readonly pool: ReplicatedPool;
  readonly orm: MikroORM;
  readonly Note: EntityClass<Note>;
}

const stage = stageLibrary<MikroOrmExample>('mikro-orm');
const manager = (): EntityManager => stage.example.orm.em.fork();

const library = (em: EntityManager = manager()): Library => ({
  place: async () => {
    const [place] = await em.execute<Place[]>(whereSql);
    if (place === undefined) throw new Error('There is no such row.');
    return place;
  },
  note: async (body) => {
    const id = await em.insert(stage.example.Note, { body });
    const [written] = await em.execute<{ port: number }[]>('SELECT port FROM notes WHERE id = ?', [id]);
    return Number(written?.port);
  },
  count: (body) => em.count(stage.example.Note, { body }),
  transaction: (fn) => em.transactional((tx) => fn(library(tx))),
});

libraryContract(stage, library);

nestingContract(library);

readTransactionContract((fn) => manager().transactional((tx) => fn(library(tx)), { readOnly: true }));

it('an entity is found in a GET on a replica, once that has it', async () => {
  const { cluster, example } = stage;
  const find = () => duringGet(() => manager().findOne(example.Note, { body: 'to be found' }));
  await Promise.all(cluster.replicas.map((replica) => replica.pauseReplay()));
  try {
    await duringPost(() => library().note('to be found'));
    expect(await find()).toBeNull();
  } finally {
    await Promise.all(cluster.replicas.map((replica) => replica.resumeReplay()));
  }
  await cluster.waitForCatchUp();
  expect(await find()).toMatchObject({ body: 'to be found' });
});

it('a query builder reads in a GET from a replica', async () => {
  await duringPost(() => library().note('built'));
  await stage.cluster.waitForCatchUp();
  const rows = await duringGet(() =>
    manager()
      .createQueryBuilder(stage.example.Note)
      .select(raw('pg_is_in_recovery() AS standby'))
      .where({ body: 'built' })
      .execute('all'),
  );
  expect(rows).toEqual([{ standby: true }]);
});

it('a unit of work is flushed to the primary in a GET, as one transaction', async () => {
  const { Note } = stage.example;
  const flush = async (...bodies: string[]): Promise<void> => {
    const em = manager();
    for (const body of bodies) em.persist(em.create(Note, { body }));
    await em.flush();
  };
  const scope = request('GET');
  await during(scope, () => flush('one', 'two'));
  expect(scope.session.wrote()).toBe(true);
  expect(await library().count('two')).toBe(1);
  await failureOf(duringGet(() => flush('three', 'refused')));
  expect(await library().count('three')).toBe(0);
});

it('an entity is changed and removed in a POST', async () => {
  const { Note } = stage.example;
  await duringPost(async () => {
    const em = manager();
    await library(em).note('to be changed');
    const note = await em.findOneOrFail(Note, { body: 'to be changed' });
    note.body = 'changed';
    await em.flush();
    expect(await em.count(Note, { body: 'changed' })).toBe(1);
    await em.remove(note).flush();
  });
  expect(await library().count('changed')).toBe(0);
});

it('a row is locked in a transaction of a GET, on the primary', async () => {
  const { Note } = stage.example;
  await duringPost(() => library().note('locked'));
  await duringGet(() =>
    manager().transactional(async (em) => {
      const lockMode = LockMode.PESSIMISTIC_WRITE;
      expect(await em.findOne(Note, { body: 'locked' }, { lockMode })).not.toBeNull();
      expect(await library(em).place()).toMatchObject({ standby: false });
    }),
  );
});

it.each(['GET', 'POST'])('dates in a %s are what MikroORM wants them to be', async (method) => {
  const sql = "SELECT '2026-03-04'::date AS day, '2026-03-04 05:06:07'::timestamp AS moment";
  const rows = await during(request(method), () => manager().execute(sql));
  expect(rows).toEqual([{ day: '2026-03-04', moment: '2026-03-04 05:06:07' }]);
});

it('its start has created no database', async () => {
  const databases = "SELECT count(*) AS n FROM pg_database WHERE datname = 'notes'";
  expect(await numberOn(stage.cluster.primary, databases)).toBe(0);
});

it('close() leaves the pool, which it does not own, to its owner', async () => {
  const { orm, pool } = stage.example;
  await orm.close();
  expect(pool.ending).toBe(false);
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});
