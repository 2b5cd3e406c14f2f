import type { NodeUse, ReplicationOptions } from '@node-replicated/core';
import { replicationMiddleware } from '@node-replicated/express';
import { replication } from '@node-replicated/fastify';
import type { ReplicatedPool } from '@node-replicated/pg';
import express from 'express';
import Fastify from 'fastify';
import { listen, listenFastify, type Site } from '../integration/listening.js';
import type { StoredVersion } from './checker.js';
import { type Item, type Items, itemsIn } from './items.js';

/** What a visitor is shown. */
export interface Page {
  /** The newest version of the key, 0 when there is none. */
  readonly highest: number;
  readonly node: string | undefined;
  readonly reason: string | undefined;
}

/** A site on two frameworks over one pool. */
export interface Board extends AsyncDisposable {
  /** Where Express serves it, and where Fastify does. */
  readonly urls: readonly string[];
}

/** A cluster as far as the board needs it beside its pool: a way to ask the primary. */
export interface Database {
  readonly primary: { query<R extends object>(text: string): Promise<{ readonly rows: R[] }> };
}

const secret = 'the secret of this board is long enough';

interface HttpError extends Error {
  readonly code?: string;
  readonly statusCode?: number;
}

/** Makes the table anew. No constraint forbids a version to be there twice: that is what is looked for. */
export async function makeTable(cluster: Database): Promise<void> {
  await cluster.primary.query('DROP TABLE IF EXISTS item');
  await cluster.primary.query('CREATE TABLE item (key text NOT NULL, n integer NOT NULL)');
  await cluster.primary.query('CREATE INDEX ON item (key, n)');
}

/** What the primary holds. */
export async function finalState({ primary }: Database): Promise<readonly StoredVersion[]> {
  const { rows } = await primary.query<StoredVersion>(
    'SELECT key, n AS value, count(*)::int AS copies FROM item GROUP BY key, n',
  );
  return rows;
}

/**
 * Opens the board on both frameworks.
 *
 * @param settings those of both, or a function that gives those of each
 */
export async function openBoard(
  pool: ReplicatedPool,
  settings: ReplicationOptions | (() => ReplicationOptions),
): Promise<Board> {
  const items = itemsIn(pool);
  const each = typeof settings === 'function' ? settings : (): ReplicationOptions => settings;
  const sites = [await serveExpress(items, each()), await serveFastify(items, each())];
  return {
    urls: sites.map(({ url }) => url),
    async [Symbol.asyncDispose]() {
      await Promise.all(sites.map((site) => site[Symbol.asyncDispose]()));
    },
  };
}

/** Serves the board with Express. */
export async function serveExpress(items: Items, settings: ReplicationOptions): Promise<Site> {
  const app = express();
  app.use(replicationMiddleware({ secret, ...settings }));
  app.use(express.json());
  app.get('/items', async (req, res) => {
    const highest = await items.newest(String(req.query.key));
    res.json(page(highest, req.replication.nodes));
  });
  app.post('/items', async (req, res) => {
    await items.insert(req.body as Item);
    res.status(201).json(page(0, req.replication.nodes));
  });
  app.use((error: HttpError, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
    res.status(error.statusCode ?? 500).send(`${error.code} ${error}`);
  });
  return listen(app);
}

/** Serves it with Fastify. */
export async function serveFastify(items: Items, settings: ReplicationOptions): Promise<Site> {
  const server = Fastify({ forceCloseConnections: true });
  await server.register(replication, { secret, ...settings });
  server.get<{ Querystring: { key: string } }>('/items', async (request) => {
    const highest = await items.newest(request.query.key);
    return page(highest, request.replication.nodes);
  });
  server.post<{ Body: Item }>('/items', async (request, reply) => {
    await items.insert(request.body);
    return reply.code(201).send(page(0, request.replication.nodes));
  });
  return listenFastify(server);
}

/** Where a statement was tried on several nodes, the last one has served it. */
function page(highest: number, nodes: readonly NodeUse[]): Page {
  const served = nodes.at(-1);
  return { highest, node: served?.node, reason: served?.reason };
}
