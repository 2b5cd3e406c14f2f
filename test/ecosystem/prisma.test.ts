import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ReplicatedPool } from '@node-replicated/pg';
import { PrismaPg } from '@prisma/adapter-pg';
import { describe, expect, it } from 'vitest';
import { examplesOf } from '../integration/examples.js';
import {
  during,
  duringGet,
  duringPost,
  heard,
  numberOn,
  type Place,
  request,
  whereSql,
} from '../integration/stage.js';
import { builderContract, type Library, libraryContract } from './library-contract.js';
import { stageLibrary } from './stage.js';

interface Note {
  readonly id: number;
  readonly body: string;
  readonly port: number;
}

interface NewNote {
  readonly body: string;
  readonly remarks?: { readonly create: readonly { readonly text: string }[] };
}

/** What these tests use of the client, which is generated only when they run. */
interface Client {
  readonly note: {
    create(query: { readonly data: NewNote }): PromiseLike<Note>;
    findMany(query: {
      readonly where: { readonly body: string };
      readonly include: { readonly remarks: true };
    }): PromiseLike<Note[]>;
    count(query: { readonly where: { readonly body: string } }): PromiseLike<number>;
    findUnique(query: { readonly where: { readonly id: number } }): PromiseLike<Note | null>;
    findUniqueOrThrow(query: { readonly where: { readonly id: number } }): PromiseLike<Note>;
    update(query: {
      readonly where: { readonly id: number };
      readonly data: { readonly body: string };
    }): PromiseLike<Note>;
  };
  readonly here: { findFirstOrThrow(): PromiseLike<Place> };
  $queryRawUnsafe<T>(sql: string): PromiseLike<T[]>;
}

interface RootClient extends Client {
  $transaction<T>(fn: (tx: Client) => Promise<T>, options?: { readonly isolationLevel: string }): Promise<T>;
  $transaction(statements: readonly PromiseLike<unknown>[]): Promise<unknown[]>;
  $disconnect(): Promise<void>;
}

interface PrismaExample {
  readonly pool: ReplicatedPool;
  readonly client: RootClient;
  readonly prisma: RootClient;
}

/** What the tests need besides the page's schema: what belongs to a note, and which server reads. */
const testModels = `
  model Remark {
    id     Int    @id @default(autoincrement())
    text   String
    noteId Int    @map("note_id")
    note   Note   @relation(fields: [noteId], references: [id])
    @@map("remarks")
  }
  model Here {
    port    Int     @id
    standby Boolean
    reader  Boolean
    @@map("here")
  }`;

/** And in its notes: which server has written one. */
const testFields = `
  port    Int      @default(dbgenerated("inet_server_port()"))
  remarks Remark[]`;

const stage = stageLibrary<PrismaExample>('prisma', {
  schema: 'CREATE TABLE remarks (id serial PRIMARY KEY, text text, note_id int REFERENCES notes);',
  prepare: async (folder) => {
    const [{ file, code } = { file: '', code: '' }] = examplesOf('docs/libraries/prisma.md', 'prisma');
    await mkdir(folder, { recursive: true });
    const schema = code.replace(/^ *body .*$/m, `$&${testFields}`);
    await writeFile(join(folder, file), schema + testModels);
    const prisma = join(import.meta.dirname, 'node_modules/.bin/prisma');
    // Generating needs no engine, but without a path to one it would be downloaded.
    const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' };
    await promisify(execFile)(prisma, ['generate', '--schema', file], { cwd: folder, env });
  },
});

const library = (client: Client = stage.example.prisma): Library => ({
  place: async () => client.here.findFirstOrThrow(),
  note: async (body) => (await client.note.create({ data: { body } })).port,
  count: async (body) => client.note.count({ where: { body } }),
  transaction: (fn) => stage.example.prisma.$transaction((tx) => fn(library(tx))),
});

libraryContract(stage, library);

builderContract(() => stage.example.prisma.here.findFirstOrThrow());

it('raw SQL in a GET is read from a replica', async () => {
  const places = await duringGet(async () => stage.example.prisma.$queryRawUnsafe<Place>(whereSql));
  expect(places).toMatchObject([{ standby: true }]);
});

it('a nested write in a GET is one transaction on the primary, and what is read with its relations is on a replica', async () => {
  const { note } = stage.example.prisma;
  const create = (body: string) =>
    duringGet(async () =>
      note.create({ data: { body, remarks: { create: [{ text: 'a' }, { text: 'b' }] } } }),
    );
  await create('with remarks');
  await expect(create('refused')).rejects.toThrow();
  expect(await numberOn(stage.cluster.primary, 'SELECT count(*) AS n FROM remarks')).toBe(2);

  await stage.cluster.waitForCatchUp();
  const statements = await heard('statement', () =>
    duringGet(async () => {
      const found = await note.findMany({ where: { body: 'with remarks' }, include: { remarks: true } });
      expect(found).toMatchObject([{ remarks: [{ text: 'a' }, { text: 'b' }] }]);
    }),
  );
  expect(statements.length).toBeGreaterThan(0);
  for (const statement of statements) expect(statement).toMatchObject({ role: 'replica', session: 'reader' });
});

it('statements that are one transaction run on the primary in a GET, or not at all', async () => {
  const { prisma } = stage.example;
  const both = (first: string, second: string) =>
    duringGet(() =>
      prisma.$transaction([
        prisma.note.create({ data: { body: first } }),
        prisma.note.create({ data: { body: second } }),
      ]),
    );
  const port = stage.cluster.primary.serverPort;
  expect(await both('first', 'second')).toMatchObject([{ port }, { port }]);
  await expect(both('third', 'refused')).rejects.toThrow();
  expect(await library().count('third')).toBe(0);
});

it('an isolation level is that of the transaction on the primary', async () => {
  const found = await duringGet(() =>
    stage.example.prisma.$transaction(
      async (tx) =>
        tx.$queryRawUnsafe(
          "SELECT current_setting('transaction_isolation') AS level, pg_is_in_recovery() AS standby",
        ),
      { isolationLevel: 'Serializable' },
    ),
  );
  expect(found).toEqual([{ level: 'serializable', standby: false }]);
});

it('prepared statements run where each of their calls has to', async () => {
  const statementNameGenerator = () => 'where_am_i';
  const adapter = await new PrismaPg(stage.example.pool, { statementNameGenerator }).connect();
  const ask = async () => (await adapter.queryRaw({ sql: whereSql, args: [], argTypes: [] })).rows[0];
  const standby = [await duringGet(ask), await duringPost(ask), await duringGet(ask)].map((row) => row?.[1]);
  expect(standby).toEqual([true, false, true]);
  await adapter.dispose();
  expect(stage.example.pool.ending).toBe(false);
});

it('an update in a GET, which reads what it has changed, counts as a write', async () => {
  const { prisma } = stage.example;
  const { id } = await duringPost(async () => prisma.note.create({ data: { body: 'to be changed' } }));
  const scope = request('GET');
  const changed = await during(scope, async () =>
    prisma.note.update({ where: { id }, data: { body: 'changed' } }),
  );
  expect(changed).toMatchObject({ id, body: 'changed' });
  expect(scope.session.wrote()).toBe(true);
});

describe('findUnique() of two requests at the same moment', () => {
  /** A GET and a POST ask at once, the GET first; the POST asks for what it has just written. */
  const seenByWriter = async (
    client: RootClient,
    find: 'findUnique' | 'findUniqueOrThrow',
  ): Promise<unknown> => {
    const { replicas } = stage.cluster;
    await Promise.all(replicas.map((replica) => replica.pauseReplay()));
    try {
      let start: () => void = () => undefined;
      const sameMoment = new Promise<void>((resolve) => {
        start = resolve;
      });
      const reader = duringGet(async () => {
        await sameMoment;
        await client.note.findUnique({ where: { id: 0 } });
      });
      const writer = duringPost(async () => {
        const { id } = await client.note.create({ data: { body: 'mine' } });
        setImmediate(start);
        await sameMoment;
        return client.note[find]({ where: { id } });
      });
      const [seen] = await Promise.allSettled([writer, reader]);
      return seen.status === 'fulfilled' ? seen.value : seen.reason;
    } finally {
      await Promise.all(replicas.map((replica) => replica.resumeReplay()));
    }
  };

  it.each(['findUnique', 'findUniqueOrThrow'] as const)(
    'are kept apart by the extension: %s',
    async (find) => {
      expect(await seenByWriter(stage.example.prisma, find)).toMatchObject({ body: 'mine' });
    },
  );

  it('would be sent together without it', async () => {
    expect(await seenByWriter(stage.example.client, 'findUnique')).toBeNull();
  });
});

it('$disconnect() ends the pool', async () => {
  const { prisma, pool } = stage.example;
  await prisma.$disconnect();
  expect(pool.ended).toBe(true);
});
