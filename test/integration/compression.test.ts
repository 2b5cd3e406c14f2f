import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastifyCompress from '@fastify/compress';
import { replicationMiddleware } from '@node-replicated/express';
import { replication } from '@node-replicated/fastify';
import compression from 'compression';
import express from 'express';
import Fastify from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { goOn, patient, standStill } from './notes-sites.js';
import { cluster, pool, stagePool } from './pool-stage.js';
import { pinCookieOf, type Site, secret, send } from './sites.js';
import { insert } from './stage.js';

/** Long enough for compression to think it worth the effort. */
const text = 'a line that is compressed\n'.repeat(2_000);
const settings = { secret, pin: { forMs: 0 } };

stagePool({ options: patient });

afterEach(() => goOn(cluster));

const sites: Readonly<Record<string, () => Promise<Site>>> = {
  'Express, compressing inside': () => onExpress([replicationMiddleware(settings), compression()]),
  'Express, compressing outside': () => onExpress([compression(), replicationMiddleware(settings)]),
  'Fastify, compressing inside': () => onFastify(['replication', 'compress']),
  'Fastify, compressing outside': () => onFastify(['compress', 'replication']),
};

describe.for(Object.entries(sites))('on %s', ([, open]) => {
  it.for(['POST /whole', 'POST /parts'])(
    'the answer to %s comes compressed and whole, and pins',
    async (route) => {
      await using site = await open();
      await standStill(cluster);
      const reply = await send(site, route, { 'accept-encoding': 'gzip' });
      expect(reply.headers.get('content-encoding')).toBe('gzip');
      expect(reply.body).toBe(text);
      const cookie = pinCookieOf(reply) ?? '';
      expect((await send(site, 'GET /where', { cookie })).body).toMatchObject([{ reason: 'pin' }]);
    },
  );
});

async function onExpress(middleware: readonly express.RequestHandler[]): Promise<Site> {
  const app = express();
  for (const each of middleware) app.use(each);
  app.post('/whole', async (_req, res) => {
    await pool.query(insert('x'));
    res.type('text').send(text);
  });
  app.post('/parts', async (_req, res) => {
    await pool.query(insert('x'));
    res.type('text');
    for (let at = 0; at < text.length; at += 1_000) res.write(text.slice(at, at + 1_000));
    res.end();
  });
  app.get('/where', async (req, res) => {
    await pool.query('SELECT 1');
    res.json(req.replication.nodes);
  });
  const server = createServer(app);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function onFastify(order: readonly ('replication' | 'compress')[]): Promise<Site> {
  const server = Fastify({ forceCloseConnections: true });
  for (const each of order) {
    if (each === 'replication') await server.register(replication, settings);
    else await server.register(fastifyCompress);
  }
  server.post('/whole', async (_request, reply) => {
    await pool.query(insert('x'));
    return reply.type('text/plain').send(text);
  });
  server.post('/parts', async (_request, reply) => {
    await pool.query(insert('x'));
    const { body } = new Response(text);
    return reply.type('text/plain').send(body);
  });
  server.get('/where', async (request) => {
    await pool.query('SELECT 1');
    return request.replication.nodes;
  });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  return { url, [Symbol.asyncDispose]: async () => server.close() };
}
