import type { EntityClass, EntityManager, MikroORM } from '@mikro-orm/postgresql';
import type { ReplicatedPool } from '@node-replicated/pg';
import { expect, it } from 'vitest';
import { duringGet, duringPost, type Place, whereSql } from '../integration/stage.js';
import { type Library, libraryContract, readTransactionContract } from './library-contract.js';
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

const library = (em: EntityManager = stage.example.orm.em.fork()): Library => ({
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

readTransactionContract((fn) =>
  stage.example.orm.em.fork().transactional((tx) => fn(library(tx)), { readOnly: true }),
);
