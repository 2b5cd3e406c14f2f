import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ReplicationOptions } from '@node-replicated/core';
import type { RequestReplication } from '@node-replicated/core/adapter';
import { replicationMiddleware } from '@node-replicated/express';
import { replication } from '@node-replicated/fastify';
import express from 'express';
import Fastify, { type HTTPMethods } from 'fastify';
import { listen, listenFastify, type Site } from './listening.js';

export type { Site };

/** What a page is given, whatever the framework. */
export interface Visit {
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
  readonly replication: RequestReplication;
  setHeader(name: string, value: string): void;
}

/** A page gives what is sent as JSON. */
export type Page = (visit: Visit) => unknown;

/** A page that answers by itself; Fastify hijacks its reply. */
export type RawPage = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

/** Pages by method and path, as `GET /notes`. */
export interface Pages {
  readonly pages?: Readonly<Record<string, Page>>;
  readonly raw?: Readonly<Record<string, RawPage>>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export type Framework = 'Express' | 'Fastify';

/** On which these tests run. */
export const frameworks: readonly Framework[] = ['Express', 'Fastify'];

export const secret = 'the secret of these sites is long enough';

/** Serves pages on a free port. */
export function openSite(framework: Framework, pages: Pages, options: ReplicationOptions): Promise<Site> {
  return framework === 'Express'
    ? openExpress(pages, { secret, ...options })
    : openFastify(pages, { secret, ...options });
}

/** Sends one request as a client that keeps nothing. */
export async function send(
  { url }: Site,
  route: string,
  headers: Readonly<Record<string, string>> = {},
  body?: unknown,
): Promise<Reply> {
  const [method = '', path = ''] = route.split(' ');
  const response = await fetch(url + path, {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true && text !== '';
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

/** The pin's cookie, as a client sends it back; with monotonic reads there is one more for what was only read. */
export function pinCookieOf({ headers }: Reply): string | undefined {
  const found = headers.getSetCookie().find((cookie) => /^replication_pin(?:_seen)?=/.test(cookie));
  return found?.split(';')[0];
}

async function openExpress({ pages = {}, raw = {} }: Pages, options: ReplicationOptions): Promise<Site> {
  const app = express();
  app.use(replicationMiddleware(options));
  app.use(express.json());
  for (const [route, page] of Object.entries(pages)) {
    app.all(pathOf(route), async (req, res, next) => {
      if (!fits(route, req.method)) return next();
      const { headers, replication: state } = req;
      const setHeader = (name: string, value: string): void => void res.setHeader(name, value);
      res.json(await page({ headers, body: req.body, replication: state, setHeader }));
    });
  }
  for (const [route, page] of Object.entries(raw)) {
    app.all(pathOf(route), (req, res, next) => (fits(route, req.method) ? page(req, res) : next()));
  }
  return listen(app);
}

async function openFastify({ pages = {}, raw = {} }: Pages, options: ReplicationOptions): Promise<Site> {
  const server = Fastify({ forceCloseConnections: true });
  await server.register(replication, options);
  for (const [route, page] of Object.entries(pages)) {
    server.route({
      method: methodOf(route),
      url: pathOf(route),
      handler: async (request, reply) => {
        const { headers, body, replication: state } = request;
        const setHeader = (name: string, value: string): void => void reply.header(name, value);
        return page({ headers, body, replication: state, setHeader });
      },
    });
  }
  for (const [route, page] of Object.entries(raw)) {
    server.route({
      method: methodOf(route),
      url: pathOf(route),
      handler: async (request, reply) => {
        reply.hijack();
        await page(request.raw, reply.raw);
      },
    });
  }
  return listenFastify(server);
}

function methodOf(route: string): HTTPMethods {
  return route.split(' ')[0] as HTTPMethods;
}

function pathOf(route: string): string {
  return route.split(' ')[1] ?? '/';
}

/** HEAD is served by GET's page. */
function fits(route: string, method: string): boolean {
  return methodOf(route) === (method === 'HEAD' ? 'GET' : method);
}
