import formBody from '@fastify/formbody';
import type { NodeUse, ReplicationOptions } from '@node-replicated/core';
import { replicationMiddleware } from '@node-replicated/express';
import { replication } from '@node-replicated/fastify';
import type { ReplicatedPool } from '@node-replicated/pg';
import express from 'express';
import Fastify from 'fastify';
import { listen, listenFastify, type Site } from '../integration/listening.js';

/** The frameworks that serve the site. */
export type Framework = 'express' | 'fastify';

/**
 * Opens the site.
 *
 * @param pin `false` switches pins off
 */
export function openSite(
  framework: Framework,
  pool: ReplicatedPool,
  pin: Exclude<ReplicationOptions['pin'], undefined>,
): Promise<Site> {
  const options = { secret: 'the secret of this site is long enough', pin };
  return framework === 'express' ? serveExpress(pool, options) : serveFastify(pool, options);
}

async function serveExpress(pool: ReplicatedPool, options: ReplicationOptions): Promise<Site> {
  const app = express();
  app.use(replicationMiddleware(options));
  app.use(express.urlencoded({ extended: false }));
  app.get('/', async (req, res) => {
    res.type('html').send(await page(pool, () => req.replication.nodes));
  });
  app.post('/notes', async (req, res) => {
    await note(pool, req.body);
    res.redirect(303, '/');
  });
  return listen(app);
}

async function serveFastify(pool: ReplicatedPool, options: ReplicationOptions): Promise<Site> {
  const server = Fastify({ forceCloseConnections: true });
  await server.register(replication, options);
  await server.register(formBody);
  server.get('/', async (request, reply) => {
    reply.type('text/html');
    return page(pool, () => request.replication.nodes);
  });
  server.post('/notes', async (request, reply) => {
    await note(pool, request.body);
    return reply.redirect('/', 303);
  });
  return listenFastify(server);
}

async function note(pool: ReplicatedPool, form: unknown): Promise<void> {
  await pool.query('INSERT INTO notes (body) VALUES ($1)', [(form as { readonly body: string }).body]);
}

async function page(pool: ReplicatedPool, uses: () => readonly NodeUse[]): Promise<string> {
  const { rows } = await pool.query<{ body: string }>('SELECT body FROM notes ORDER BY body');
  return `<!doctype html><title>Notes</title>
    <ul>${rows.map(({ body }) => `<li>${body}</li>`).join('')}</ul>
    <p id="reason">${uses().at(-1)?.reason}</p>
    <form method="post" action="/notes"><input name="body" required><button>Send</button></form>`;
}
