import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestListener } from 'node:http';
import { replicationMiddleware } from '@node-replicated/express';
import { replication } from '@node-replicated/fastify';
import express, { type RequestHandler } from 'express';
import Fastify, { type FastifyInstance } from 'fastify';
import { type ItemServers, type Items, itemWithout, openItems } from './http-items.js';

/** The frameworks that are measured. */
export type Framework = 'express' | 'fastify';

/**
 * What stands in front of the handlers: nothing; a context made by an `AsyncLocalStorage`, as anything needs that
 * follows requests; or this library.
 */
export type Front = 'plain' | 'storage' | 'routed';

/** What an application is to be. */
export interface AppOrder {
  readonly framework: Framework;
  readonly front: Front;
  /** Where each request looks up its item; undefined: no database is asked. */
  readonly servers?: ItemServers | undefined;
}

const storage = new AsyncLocalStorage<object>();
const options = { secret: 'a secret of the benchmark, 32 bytes or more' };

/** `GET /items/:id` answers with some JSON, `GET /role` with the request's role, `GET /port` with its server's port. */
export async function createApp({ framework, front, servers }: AppOrder): Promise<RequestListener> {
  const items = servers === undefined ? undefined : openItems(servers, front === 'routed');
  return framework === 'express' ? expressApp(front, items) : fastifyApp(front, items);
}

function expressApp(front: Front, items: Items | undefined): RequestListener {
  const app = express();
  const fronts: Record<Front, readonly RequestHandler[]> = {
    plain: [],
    storage: [(_req, _res, next) => storage.run({}, next)],
    routed: [replicationMiddleware(options)],
  };
  for (const handler of fronts[front]) app.use(handler);
  if (items === undefined) {
    app.get('/items/:id', (req, res) => {
      res.json(itemWithout(req.params.id));
    });
  } else {
    app.get('/items/:id', async (req, res) => {
      res.json(await items.find(req.params.id));
    });
    app.get('/port', async (_req, res) => {
      res.json({ port: await items.port() });
    });
  }
  app.get('/role', (req, res) => {
    res.json({ role: roleOf(req) });
  });
  return app;
}

async function fastifyApp(front: Front, items: Items | undefined): Promise<RequestListener> {
  const app: FastifyInstance = Fastify();
  if (front === 'routed') await app.register(replication, options);
  if (front === 'storage') app.addHook('onRequest', (_request, _reply, done) => storage.run({}, done));
  if (items === undefined) {
    app.get<{ Params: { id: string } }>('/items/:id', async ({ params }) => itemWithout(params.id));
  } else {
    app.get<{ Params: { id: string } }>('/items/:id', ({ params }) => items.find(params.id));
    app.get('/port', async () => ({ port: await items.port() }));
  }
  app.get('/role', async (request) => ({ role: roleOf(request) }));
  await app.ready();
  return app.routing;
}

function roleOf(request: object): string {
  return 'replication' in request ? String((request.replication as { role?: unknown }).role) : 'none';
}
