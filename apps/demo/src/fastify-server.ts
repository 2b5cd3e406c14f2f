import formbody from '@fastify/formbody';
import { replication as replicationPlugin } from '@node-replicated/fastify';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { type DemoServer, formLimit, host, type ServerParts, stopServer } from './demo-server.js';
import type { Handler } from './message.js';
import { notFound } from './not-found.js';
import type { Responder } from './responder.js';

const framework = 'fastify';

/** Starts the Fastify server: one plugin, and the routes. */
export async function startFastify({
  routes,
  responder,
  replication,
  port,
}: ServerParts): Promise<DemoServer> {
  const app = fastify({ bodyLimit: formLimit });
  await app.register(replicationPlugin, replication);
  await app.register(formbody);
  for (const { method, path: url, handler } of routes) {
    app.route({ method, url, handler: (request, reply) => respond(responder, handler, request, reply) });
  }
  app.setNotFoundHandler((request, reply) => respond(responder, async () => notFound(), request, reply));
  app.setErrorHandler((error, request, reply) =>
    respond(responder, () => Promise.reject(error), request, reply),
  );
  const url = await app.listen({ port, host });
  return { framework, url, stop: () => stopServer(app.server, () => app.close()) };
}

async function respond(
  responder: Responder,
  handler: Handler,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { method, originalUrl: path, params, body, replication } = request;
  const fetchSite = request.headers['sec-fetch-site'];
  const incoming = {
    ...{ framework, method, path, params, body, replication },
    fetchSite: typeof fetchSite === 'string' ? fetchSite : undefined,
  };
  const answer = await responder.respond(handler, incoming);
  return reply.code(answer.status).headers(answer.headers).send(answer.body);
}
