import { createRequire } from 'node:module';
import { useReplica } from '@node-replicated/core';
import type { ReplicatedPool } from '@node-replicated/pg';
import type { Express } from 'express';
import type { makePgService } from 'postgraphile/adaptors/pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { listen, type Site } from '../integration/listening.js';
import {
  duringGet,
  eventually,
  failureOf,
  insert,
  numberOn,
  type Place,
  where,
  whereSql,
} from '../integration/stage.js';
import { whileReplicasLag } from './lagging.js';
import { stageLibrary } from './stage.js';
import { type Answer, Visitor } from './visitor.js';

type PgService = ReturnType<typeof makePgService>;

interface PostGraphileExample {
  readonly pool: ReplicatedPool;
  readonly service: PgService;
  readonly pgl: { release(): Promise<void> };
  readonly app: Express;
}

/** What PostGraphile uses of Node 22. */
function withResolvers(): object {
  const parts = {};
  const promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return Object.assign(parts, { promise });
}
if (!('withResolvers' in Promise)) Object.assign(Promise, { withResolvers });

vi.stubEnv('DATAPLAN_PG_DONT_DISABLE_JIT', '1');
vi.stubEnv('GRAPHILE_ENV', 'development');
const stage = stageLibrary<PostGraphileExample>('postgraphile', {
  schema: `;CREATE INDEX ON notes (body);
    CREATE VIEW visitors AS SELECT current_setting('app.user', true) AS name, * FROM here`,
});

let site: Site;
beforeAll(async () => {
  site = await listen(stage.example.app);
});
afterAll(() => site?.[Symbol.asyncDispose]());

const places = '{ allVisitors { nodes { name standby reader } } }';
const answered = (...nodes: object[]): object => ({ data: { allVisitors: { nodes } } });
const create = (body: string): object => ({
  query: `mutation { createNote(input: { note: { body: "${body}" } }) { note { port } } }`,
});
const ask = (visitor: Visitor, query: string): Promise<Answer> => visitor.post('/graphql', { query });
const countOf = async (visitor: Visitor, body: string): Promise<unknown> => {
  const query = `{ allNotes(condition: { body: "${body}" }) { totalCount } }`;
  return (await ask(visitor, query)).body;
};
const stored = (body: string): Promise<number> =>
  numberOn(stage.cluster.primary, `SELECT count(*) AS n FROM notes WHERE body = '${body}'`);

describe.each([
  ['without pgSettings', {}, null],
  ['with pgSettings', { 'x-user': 'ann' }, 'ann'],
] as const)('%s', (_, headers, name) => {
  it('a query comes from a replica, although it is sent by POST, and pins nobody', async () => {
    const { body, cookies } = await ask(new Visitor(site, headers), places);
    expect(body).toEqual(answered({ name, standby: true, reader: true }));
    expect(cookies).toEqual([]);
  });

  it('what a mutation has written is seen by the next query, although no replica has it', () =>
    whileReplicasLag(stage.cluster, async () => {
      const visitor = new Visitor(site, headers);
      const port = stage.cluster.primary.serverPort;
      const { body } = await visitor.post('/graphql', create(`by ${name}`));
      expect(body).toEqual({ data: { createNote: { note: { port } } } });
      expect(await countOf(visitor, `by ${name}`)).toEqual({ data: { allNotes: { totalCount: 1 } } });
      const somebodyElse = await countOf(new Visitor(site, headers), `by ${name}`);
      expect(somebodyElse).toEqual({ data: { allNotes: { totalCount: 0 } } });
    }));

  it('a mutation that the database refuses is undone, and tells so', async () => {
    const visitor = new Visitor(site, headers);
    expect((await visitor.post('/graphql', create('refused'))).body).toMatchObject({
      data: { createNote: null },
      errors: [{ path: ['createNote'] }],
    });
    expect((await ask(new Visitor(site, headers), places)).body).toMatchObject(answered({ standby: true }));
  });
});

describe('withPgClient', () => {
  const withPgClient = async () => {
    const { makePgAdaptorWithPgClient } = await import('postgraphile/adaptors/pg');
    return makePgAdaptorWithPgClient(stage.example.pool);
  };

  it('in a GET runs a transaction on the primary, which sees what it has written', async () => {
    const seen = await whileReplicasLag(stage.cluster, () =>
      duringGet(async () =>
        (await withPgClient())(null, (client) =>
          client.withTransaction(async (tx) => {
            await tx.query({ text: insert('inside') });
            return tx.query<{ n: number }>({
              text: "SELECT count(*)::int AS n FROM notes WHERE body = 'inside'",
            });
          }),
        ),
      ),
    );
    expect(seen.rows).toEqual([{ n: 1 }]);
  });

  it('undoes a transaction that fails', async () => {
    const failing = duringGet(async () =>
      (await withPgClient())({ 'app.user': 'ann' }, async (client) => {
        await client.query({ text: insert('half') });
        await client.query({ text: insert('refused') });
      }),
    );
    expect(await failureOf(failing)).toMatchObject({ code: '23514' });
    expect(await stored('half')).toBe(0);
  });

  it.each([
    ['without useReplica on the primary', <T>(fn: () => T): T => fn(), false],
    ['inside useReplica on a replica', useReplica, true],
  ] as const)('with settings runs %s', async (_, switched, standby) => {
    const read = await withPgClient();
    const { rows } = await duringGet(() =>
      switched(() => read({ 'app.user': 'ann' }, (client) => client.query<Place>({ text: whereSql }))),
    );
    expect(rows).toMatchObject([{ standby }]);
  });

  it.each([
    ['', false],
    ['1', true],
  ])(
    'where DATAPLAN_PG_DONT_DISABLE_JIT is "%s" reads in a GET from a replica: %s',
    async (setting, standby) => {
      vi.stubEnv('DATAPLAN_PG_DONT_DISABLE_JIT', setting);
      const require = createRequire(import.meta.url);
      for (const file of Object.keys(require.cache)) {
        if (/adaptors[\\/]pg\b/.test(file)) delete require.cache[file];
      }
      const { makePgAdaptorWithPgClient } =
        require('postgraphile/adaptors/pg') as typeof import('postgraphile/adaptors/pg');
      const read = makePgAdaptorWithPgClient(stage.example.pool);
      const { rows } = await duringGet(() => read(null, (client) => client.query<Place>({ text: whereSql })));
      expect(rows).toMatchObject([{ standby }]);
    },
  );
});

it('what is subscribed to in a GET is listened for on the primary, until it is released', async () => {
  const { service, pgl, pool } = stage.example;
  const { pgSubscriber } = service;
  if (pgSubscriber == null) throw new Error('The service has a subscriber.');
  const news = await duringGet(() => pgSubscriber.subscribe('news'));
  const { primary } = stage.cluster;
  const listeners = `SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND state = 'idle'`;
  await eventually('it listens', async () => (await numberOn(primary, listeners)) === 1);
  await primary.query("NOTIFY news, 'rain'");
  expect(await news[Symbol.asyncIterator]().next()).toEqual({ done: false, value: 'rain' });
  await pgl.release();
  await service.release?.();
  await eventually('it listens no more', async () => (await numberOn(primary, listeners)) === 0);
  expect(pool.ending).toBe(false);
  expect(await where(pool)).toMatchObject({ standby: false });
});
