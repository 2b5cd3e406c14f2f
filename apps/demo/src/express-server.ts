import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { replicationMiddleware } from '@node-replicated/express';
import express, { type NextFunction, type Request, type Response } from 'express';
import { type DemoServer, formLimit, host, type ServerParts, stopServer } from './demo-server.js';
import type { Handler } from './message.js';
import { notFound } from './not-found.js';
import type { Responder } from './responder.js';

const framework = 'express';

/** Starts the Express server: one line of middleware, and the routes. */
export async function startExpress({
  routes,
  responder,
  replication,
  port,
}: ServerParts): Promise<DemoServer> {
  const app = express();
  app.disable('etag').disable('x-powered-by');
  app.use(replicationMiddleware(replication));
  app.use(express.urlencoded({ extended: false, limit: formLimit }));
  for (const { method, path, handler } of routes) {
    const answer = (request: Request, response: Response): Promise<void> =>
      respond(responder, handler, request, response);
    if (method === 'GET') app.get(path, answer);
    else app.post(path, answer);
  }
  app.use((request: Request, response: Response) =>
    respond(responder, async () => notFound(), request, response),
  );
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) =>
    respond(responder, () => Promise.reject(error), request, response),
  );
  const server = createServer(app);
  server.listen(port, host);
  await once(server, 'listening');
  const { port: taken } = server.address() as AddressInfo;
  return {
    framework,
    url: `http://${host}:${taken}`,
    stop: () => stopServer(server, promisify(server.close.bind(server))),
  };
}

async function respond(
  responder: Responder,
  handler: Handler,
  request: Request,
  response: Response,
): Promise<void> {
  const { method, originalUrl: path, params, body, replication } = request;
  const fetchSite = request.get('sec-fetch-site');
  const incoming = { framework, method, path, params, body, fetchSite, replication };
  const answer = await responder.respond(handler, incoming);
  response.status(answer.status).set(answer.headers).send(answer.body);
}
