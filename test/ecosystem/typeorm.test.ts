import type { ReplicatedPool } from '@node-replicated/pg';
import type { DataSource, EntityManager, EntityTarget } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { describe, expect, it } from 'vitest';
import { during, duringGet, duringPost, inUse, type Place, request, whereSql } from '../integration/stage.js';
import { type Library, libraryContract, nestingContract } from './library-contract.js';
import { stageLibrary } from './stage.js';

interface Note {
  id: number;
  body: string;
}

interface TypeOrmExample {
  readonly pool: ReplicatedPool;
  readonly dataSource: DataSource;
  readonly Note: EntityTarget<Note>;
}

const stage = stageLibrary<TypeOrmExample>('typeorm');

const library = (manager: EntityManager = stage.example.dataSource.manager): Library => ({
  place: async () => {
    const place = await manager.createQueryBuilder().select('*').from('here', 'here').getRawOne<Place>();
    if (place === undefined) throw new Error('There is no such row.');
    return place;
  },
  note: async (body) => {
    const { Note } = stage.example;
    const insert = manager.createQueryBuilder().insert().into(Note).values({ body }).returning('port');
    const { raw } = await insert.execute();
    return raw[0].port;
  },
  count: (body) => manager.countBy(stage.example.Note, { body }),
  transaction: (fn) => manager.transaction((tx) => fn(library(tx))),
});

libraryContract(stage, library);

nestingContract(library);

it('raw SQL in a GET is read from a replica', async () => {
  const [place] = await duringGet(() => stage.example.dataSource.query(whereSql));
  expect(place).toMatchObject({ standby: true });
});

it('an entity is saved, found, changed and removed, in a POST', async () => {
  const { dataSource, Note } = stage.example;
  const notes = dataSource.getRepository(Note);
  await duringPost(async () => {
    const note = await notes.save(notes.create({ body: 'an entity' }));
    expect(await notes.findOneBy({ id: note.id })).toEqual(note);
    note.body = 'another body';
    await notes.save(note);
    expect(await notes.countBy({ body: 'another body' })).toBe(1);
    await notes.remove(note);
  });
  expect(await library().count('another body')).toBe(0);
});

it('an entity that is saved in a GET is written on the primary, and found there', async () => {
  const { dataSource, Note } = stage.example;
  const notes = dataSource.getRepository(Note);
  const scope = request('GET');
  await during(scope, async () => {
    const { id } = await notes.save(notes.create({ body: 'saved in a GET' }));
    expect(await notes.findOneBy({ id })).toMatchObject({ body: 'saved in a GET' });
  });
  expect(scope.session.wrote()).toBe(true);
});

it('an isolation level is that of the transaction on the primary', async () => {
  const [found] = await duringGet(() =>
    stage.example.dataSource.transaction('SERIALIZABLE', (tx) =>
      tx.query("SELECT current_setting('transaction_isolation') AS level, pg_is_in_recovery() AS standby"),
    ),
  );
  expect(found).toEqual({ level: 'serializable', standby: false });
});

it('a query runner that is controlled by hand moves to the primary when its transaction begins', async () => {
  await duringGet(async () => {
    const runner = stage.example.dataSource.createQueryRunner();
    try {
      expect(await runner.query(whereSql)).toMatchObject([{ standby: true }]);
      await runner.startTransaction();
      expect(await runner.query(whereSql)).toMatchObject([{ standby: false }]);
      await runner.rollbackTransaction();
    } finally {
      await runner.release();
    }
  });
});

describe('a stream', () => {
  it('flows from a replica in a GET, and gives its connection back', async () => {
    await duringPost(() => library().note('flows'));
    await stage.cluster.waitForCatchUp();
    const seen: unknown[] = [];
    await duringGet(async () => {
      const { dataSource, Note } = stage.example;
      const stream = await dataSource
        .createQueryBuilder(Note, 'note')
        .select('pg_is_in_recovery()', 'standby')
        .stream();
      for await (const row of stream) seen.push(row);
    });
    expect(seen).toContainEqual({ standby: true });
    expect(seen).not.toContainEqual({ standby: false });
  });

  it('that is left early keeps its connection, as TypeORM does not see that', async () => {
    const { dataSource, Note, pool } = stage.example;
    await duringPost(async () => {
      await library().note('left early');
      const many = dataSource.createQueryBuilder(Note, 'note').select('generate_series(1, 1000)', 'n');
      for await (const _ of await many.stream()) break;
    });
    expect(inUse(pool)).toBe(1);
    const { connectedQueryRunners } = dataSource.driver as PostgresDriver;
    for (const runner of connectedQueryRunners) await runner.release();
  });

  it('that is left early gives its connection back when its query runner is released', async () => {
    const { dataSource, pool } = stage.example;
    await duringGet(async () => {
      const runner = dataSource.createQueryRunner();
      const stream = await runner.stream('SELECT generate_series(1, 100000) AS n');
      for await (const _ of stream) {
        expect(inUse(pool)).toBe(1);
        break;
      }
      await runner.release();
    });
  });
});

it('destroy() ends the pool', async () => {
  const { dataSource, pool } = stage.example;
  await dataSource.destroy();
  expect(pool.ended).toBe(true);
});
