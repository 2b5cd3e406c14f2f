import { currentReplication, usePrimary } from '@node-replicated/core';
import { replicationMiddleware } from '@node-replicated/express';
import { followOperation } from '@node-replicated/graphql';
import express from 'express';
import { createPubSub, createSchema, createYoga, type Plugin } from 'graphql-yoga';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listen, type Site } from './listening.js';
import { goOn, newText, patient, standStill } from './notes-sites.js';
import { cluster, notes, pool, stagePool } from './pool-stage.js';
import { pinCookieOf, type Reply, secret, send } from './sites.js';
import { eventually, heard } from './stage.js';

stagePool({ options: patient });

const typeDefs = `
  type Place { onReplica: Boolean!, reason: String!, count: Int! }
  type Query {
    count(text: String!): Place!
    fresh(text: String!): Place!
    note(text: String!): Place!
    context: Place!
  }
  type Mutation { write(text: String!): Place! }
  type Subscription { written(text: String!): Place! }
`;

interface Place {
  readonly onReplica: boolean;
  readonly reason: string;
  readonly count: number;
}

interface Context {
  readonly place: Place;
}

const parts = 'onReplica reason count';
const pubSub = createPubSub<{ written: [] }>();

async function count(text: string): Promise<Place> {
  const sql = 'SELECT count(*)::int AS count, pg_is_in_recovery() AS "onReplica" FROM notes WHERE body = $1';
  const { rows } = await pool.query(sql, [text]);
  return { ...rows[0], reason: currentReplication().reason };
}

async function write(text: string): Promise<void> {
  await pool.query('INSERT INTO notes (body) VALUES ($1)', [text]);
}

type Args = { readonly text: string };

const schema = createSchema<Context>({
  typeDefs,
  resolvers: {
    Query: {
      count: (_, { text }: Args) => count(text),
      fresh: (_, { text }: Args) => usePrimary(() => count(text)),
      note: async (_, { text }: Args) => {
        await pool.query('SELECT note_down($1)', [text]);
        return count(text);
      },
      context: (_, __, { place }) => place,
    },
    Mutation: {
      write: async (_, { text }: Args) => {
        await write(text);
        pubSub.publish('written');
        return count(text);
      },
    },
    Subscription: {
      written: {
        subscribe: () => pubSub.subscribe('written'),
        resolve: (_: unknown, { text }: Args) => count(text),
      },
    },
  },
});

const followOperations: Plugin = {
  onValidate: ({ params, context }) => followOperation(params.documentAST, context.params.operationName),
};

async function openGraphql(follows = true): Promise<Site> {
  const yoga = createYoga({
    schema,
    batching: true,
    logging: false,
    graphiql: false,
    context: async () => ({ place: await count('nothing') }),
    plugins: follows ? [followOperations] : [],
  });
  const app = express();
  app.use(replicationMiddleware({ secret, pin: { forMs: 0 } }));
  app.use('/graphql', yoga);
  return listen(app);
}

let site: Site;
let text: string;

beforeEach(async () => {
  text = newText();
  site = await openGraphql();
});

afterEach(async () => {
  await site[Symbol.asyncDispose]();
  await goOn(cluster);
});

/** Sends documents, and gives what their first fields show. */
async function ask(
  documents: string | readonly string[],
  cookie?: string,
): Promise<{ places: Place[]; reply: Reply }> {
  const bodies = [documents].flat().map((query) => ({ query }));
  const body = typeof documents === 'string' ? bodies[0] : bodies;
  const reply = await send(site, 'POST /graphql', cookie === undefined ? {} : { cookie }, body);
  const results = [reply.body].flat() as { data: Record<string, Place>; errors?: unknown }[];
  expect(results.map(({ errors }) => errors)).toEqual(results.map(() => undefined));
  return { places: results.flatMap(({ data }) => Object.values(data)), reply };
}

const reading = (): string => `{ count(text: "${text}") { ${parts} } }`;
const writing = (): string => `mutation { write(text: "${text}") { ${parts} } }`;

describe('a request of GraphQL, sent by POST', () => {
  it('reads from a replica when it is a query, and pins nobody; so does its context', async () => {
    const { places, reply } = await ask(`{ count(text: "") { ${parts} } context { ${parts} } }`);
    expect(places).toMatchObject([
      { onReplica: true, reason: 'operation' },
      { onReplica: true, reason: 'operation' },
    ]);
    expect(pinCookieOf(reply)).toBeUndefined();
  });

  it('would be on the primary, and pin its client, if it went by its method', async () => {
    await site[Symbol.asyncDispose]();
    site = await openGraphql(false);
    const { places, reply } = await ask(reading());
    expect(places).toMatchObject([{ onReplica: false, reason: 'method' }]);
    expect(pinCookieOf(reply)).toBeDefined();
  });

  it('writes when it is a mutation, and its client then sees that, whatever replicas show', async () => {
    await standStill(cluster);
    const { places, reply } = await ask(writing());
    expect(places).toMatchObject([{ onReplica: false, reason: 'operation', count: 1 }]);
    expect((await ask(reading(), pinCookieOf(reply))).places).toMatchObject([{ onReplica: false, count: 1 }]);
    expect((await ask(reading())).places).toMatchObject([{ onReplica: true, count: 0 }]);
    await goOn(cluster);
    await eventually('a replica serves the client', async () => {
      const [place] = (await ask(reading(), pinCookieOf(reply))).places;
      expect(place?.count).toBe(1);
      return place?.onReplica === true;
    });
  });

  it('is pinned too when a query turns out to write', async () => {
    await standStill(cluster);
    const { places, reply } = await ask(`{ note(text: "${text}") { ${parts} } }`);
    expect(places).toMatchObject([{ onReplica: false, reason: 'own-write', count: 1 }]);
    expect((await ask(reading(), pinCookieOf(reply))).places).toMatchObject([{ onReplica: false, count: 1 }]);
  });

  it('goes by the resolver where that says more', async () => {
    const { places, reply } = await ask(`{ fresh(text: "") { ${parts} } count(text: "") { ${parts} } }`);
    expect(places).toMatchObject([
      { onReplica: false, reason: 'forced' },
      { onReplica: true, reason: 'operation' },
    ]);
    expect(pinCookieOf(reply)).toBeUndefined();
  });

  it.for([
    ['first', () => [reading(), writing()]],
    ['last', () => [writing(), reading()]],
  ] as const)(
    'pins its client when it is a batch with a mutation, whether the query is %s',
    async ([, documents]) => {
      await standStill(cluster);
      const { reply } = await ask(documents());
      expect(await notes(text)).toBe(1);
      expect((await ask(reading(), pinCookieOf(reply))).places).toMatchObject([
        { onReplica: false, count: 1 },
      ]);
    },
  );

  it('reads from replicas when it is a batch of queries', async () => {
    const { places } = await ask([reading(), reading()]);
    expect(places).toMatchObject([{ onReplica: true }, { onReplica: true }]);
  });

  it('shows a subscription what has just been written, and takes its reads for no writes', async () => {
    await standStill(cluster);
    const late = await heard('late-write', async () => {
      const query = `subscription { written(text: "${text}") { ${parts} } }`;
      const response = await fetch(`${site.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
        body: JSON.stringify({ query }),
      });
      expect(response.headers.getSetCookie()).toEqual([]);
      const event = nextEvent(response);
      await ask(writing());
      expect(await event).toMatchObject({
        data: { written: { onReplica: false, reason: 'operation', count: 1 } },
      });
    });
    expect(late).toEqual([]);
  });
});

/** The first event of a stream. */
async function nextEvent({ body }: Response): Promise<unknown> {
  const decoder = new TextDecoder();
  let received = '';
  for await (const chunk of body ?? []) {
    received += decoder.decode(chunk as Uint8Array, { stream: true });
    const [, data] = /^data: ?(\{.*\})$/m.exec(received) ?? [];
    if (data !== undefined) return JSON.parse(data);
  }
  throw new Error(`The stream has ended: ${received}`);
}
