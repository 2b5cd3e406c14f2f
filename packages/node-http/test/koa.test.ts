import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { ReplicationError } from '@node-replicated/core';
import type { RequestReplication } from '@node-replicated/core/adapter';
import { type ReplicationHandler, replicationHandler } from '@node-replicated/node-http';
import Koa, { type Context } from 'koa';
import { describe, expect, it } from 'vitest';
import { httpContract } from './contract/http-contract.js';
import { httpSite } from './contract/http-site.js';
import {
  type App,
  type Handler,
  type Implementation,
  type Site,
  secret,
  where,
} from './contract/implementation.js';

/** An application of Koa in the scopes of its requests, as README.md shows it. */
function serve(app: Koa, replicate: ReplicationHandler): Promise<Site> {
  const handle = app.callback();
  return httpSite(createServer((req, res) => replicate(req, res, () => handle(req, res))));
}

function quiet(): Koa {
  const app = new Koa();
  app.silent = true;
  return app;
}

function mount(app: Koa, { handlers = {}, raw = {} }: App): void {
  app.use(async (ctx) => {
    const handler = handlers[ctx.path];
    const rawHandler = raw[ctx.path];
    if (handler !== undefined) return answer(ctx, handler);
    if (rawHandler === undefined) return;
    ctx.respond = false;
    ctx.res.statusCode = 200;
    await rawHandler(ctx.req, ctx.res);
  });
}

async function answer(ctx: Context, handler: Handler): Promise<void> {
  const given = await text(ctx.req);
  const parsed = ctx.is('urlencoded')
    ? Object.fromEntries(new URLSearchParams(given))
    : JSON.parse(given || 'null');
  const { replication } = ctx.req as typeof ctx.req & { replication: RequestReplication };
  const { status = 200, headers = {}, body } = await handler({ body: parsed, replication });
  ctx.set(headers as Record<string, string>);
  ctx.status = status;
  ctx.body = body ?? '';
}

const koa: Implementation = {
  name: 'Koa',
  protocol: 'http/1.1',
  open(app, options = { secret }) {
    const site = quiet();
    mount(site, app);
    return serve(site, replicationHandler(options));
  },
};

httpContract(koa);

describe('Koa', () => {
  it('reads the stream of a body in the scope of its request', async () => {
    const app = quiet();
    app.use((ctx) => {
      ctx.body = Readable.from(
        (async function* () {
          await Promise.resolve();
          yield where();
        })(),
      );
    });
    await using site = await serve(app, replicationHandler({ secret }));
    expect((await site.client.send('GET', '/')).body).toBe('replica/method');
  });

  it('answers 503, and when to try again, where a cluster has no primary', async () => {
    const app = quiet();
    app.use(() => {
      throw new ReplicationError('ERR_NO_PRIMARY', 'There is no primary.');
    });
    await using site = await serve(app, replicationHandler({ secret }));
    const { status, headers, body } = await site.client.send('POST', '/');
    expect([status, headers['retry-after'], body]).toEqual([503, '1', 'Service Unavailable']);
  });
});
