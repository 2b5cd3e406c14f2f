import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { replication } from '@node-replicated/fastify';
import Fastify, { type FastifyInstance, type HTTPMethods } from 'fastify';
import { type Client, http1Client, http2Client } from '../../node-http/test/contract/http-client.js';
import {
  type App,
  type Implementation,
  methods,
  type Site,
  secret,
} from '../../node-http/test/contract/implementation.js';

/** A Fastify server behind a client. */
export async function serve(
  server: FastifyInstance,
  connect: (port: number) => Client = http1Client,
): Promise<Site> {
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo;
  const client = connect(port);
  return {
    client,
    port,
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.close();
    },
  };
}

/** The contract's application in Fastify. */
export const fastifyHttp1: Implementation = {
  name: 'Fastify',
  protocol: 'http/1.1',
  open: async (app, options = { secret }) => {
    const server = Fastify({ forceCloseConnections: true });
    await server.register(replication, options);
    mount(server, app);
    return serve(server);
  },
};

/** The contract's application in Fastify over HTTP/2. */
export const fastifyHttp2: Implementation = {
  name: 'Fastify over HTTP/2',
  protocol: 'h2',
  open: async (app, options = { secret }) => {
    const server = Fastify({ http2: true }) as unknown as FastifyInstance;
    await server.register(replication, options);
    mount(server, app);
    return serve(server, http2Client);
  },
};

function mount(server: FastifyInstance, { handlers = {}, raw = {} }: App): void {
  server.addContentTypeParser('application/octet-stream', (_request, _payload, done) => done(null));
  server.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  );
  const every = { method: methods as HTTPMethods[], exposeHeadRoute: false };
  for (const [url, handler] of Object.entries(handlers)) {
    server.route({
      ...every,
      url,
      handler: async (request, reply) => {
        const { status = 200, headers = {}, body } = await handler(request);
        return reply.code(status).headers(headers).send(body);
      },
    });
  }
  for (const [url, handler] of Object.entries(raw)) {
    server.route({
      ...every,
      url,
      handler: async (request, reply) => {
        reply.hijack();
        await handler(request.raw as IncomingMessage, reply.raw as ServerResponse);
      },
    });
  }
}
