import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestListener } from 'node:http';
import { replicationMiddleware } from '@node-replicated/express';
import { replication } from '@node-replicated/fastify';
import express, { type RequestHandler } from 'express';
import Fastify, { type FastifyInstance } from 'fastify';

/** The frameworks that are measured. */
export type Framework = 'express' | 'fastify';

/**
 * What stands in front of the handlers: nothing; a context made by an `AsyncLocalStorage`, as anything needs that
 * follows requests; or this library.
 */
export type Front = 'plain' | 'storage' | 'routed';

const storage = new AsyncLocalStorage<object>();
const options = { secret: 'a secret of the benchmark, 32 bytes or more' };

function item(id: string): object {
  return { id, name: `item number ${id}`, price: 977, tags: ['small', 'blue'] };
}

/** `GET /items/:id` answers with some JSON, `GET /role` with the request's role. */
export async function createApp(framework: Framework, front: Front): Promise<RequestListener> {
  return framework === 'express' ? expressApp(front) : fastifyApp(front);
}

function expressApp(front: Front): RequestListener {
  const app = express();
  const fronts: Record<Front, readonly RequestHandler[]> = {
    plain: [],
    storage: [(_req, _res, next) => storage.run({}, next)],
    routed: [replicationMiddleware(options)],
  };
  for (const handler of fronts[front]) app.use(handler);
  app.get('/items/:id', (req, res) => {
    res.json(item(req.params.id));
  });
  app.get('/role', (req, res) => {
    res.json({ role: roleOf(req) });
  });
  return app;
}

async function fastifyApp(front: Front): Promise<RequestListener> {
  const app: FastifyInstance = Fastify();
  if (front === 'routed') await app.register(replication, options);
  if (front === 'storage') app.addHook('onRequest', (_request, _reply, done) => storage.run({}, done));
  app.get<{ Params: { id: string } }>('/items/:id', async ({ params }) => item(params.id));
  app.get('/role', async (request) => ({ role: roleOf(request) }));
  await app.ready();
  return app.routing;
}

function roleOf(request: object): string {
  return 'replication' in request ? String((request.replication as { role?: unknown }).role) : 'none';
}
