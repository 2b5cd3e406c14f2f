import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setImmediate } from 'node:timers/promises';
import { replicationMiddleware } from '@node-replicated/express';
import compression from 'compression';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import session from 'express-session';
import { describe, expect, it, vi } from 'vitest';
import { pinOf, type Reply } from '../../node-http/test/contract/http-client.js';
import { type Site, SlowCluster, secret, write } from '../../node-http/test/contract/implementation.js';
import { serve, versions } from './express-servers.js';

declare module 'express-session' {
  interface SessionData {
    user: string;
  }
}

const options = { secret, pin: { forMs: 0 } };
const isPinned = (reply: Reply): boolean => pinOf(reply) !== undefined;

/** A store that takes a moment before it writes, as those do that await something first. */
class Store extends session.MemoryStore {
  readonly #save: () => Promise<void>;

  constructor(save: () => Promise<void>) {
    super();
    this.#save = save;
  }

  override set(id: string, data: session.SessionData, done?: (error?: unknown) => void): void {
    void setImmediate()
      .then(this.#save)
      .then(() => super.set(id, data, done));
  }
}

const sessions = (save: () => Promise<void>): RequestHandler =>
  session({ store: new Store(save), secret, resave: false, saveUninitialized: false });

/** Middleware that puts an `end` of its own before the one that was there. */
const ending =
  (body: (res: Response, end: Response['end'], given: unknown[]) => unknown): RequestHandler =>
  (_req, res, next) => {
    const { end } = res;
    res.end = ((...given: unknown[]) => body(res, end, given)) as Response['end'];
    next();
  };

const sorry: ErrorRequestHandler = (_error, _req, res, _next) => {
  res.status(500).send('sorry');
};

describe.each(versions)('%s, with middleware that saves at the end of a response', (_, express) => {
  /** Serves one page, behind middleware of which the last is the nearest to it. */
  function page(answer: RequestHandler, ...middleware: RequestHandler[]): Promise<Site> {
    const app = express();
    app.use(...middleware);
    app.all('/', answer);
    app.use(sorry);
    return serve(app);
  }

  const signIn =
    (send: (res: Response) => unknown): RequestHandler =>
    (req, res) => {
      req.session.user = 'ann';
      send(res);
    };

  it.each<[string, string, (res: Response) => unknown, string]>([
    ['some JSON', 'GET', (res) => res.json({ hello: 'ann' }), '{"hello":"ann"}'],
    ['a body without a length', 'GET', (res) => res.end('hello'), 'hello'],
    ['no body', 'GET', (res) => res.status(204).end(), ''],
    ['a redirect', 'POST', (res) => res.redirect('/'), 'Found. Redirecting to /'],
    ['a HEAD', 'HEAD', (res) => res.send('hello'), ''],
  ])('%s waits for what is saved, and pins to it', async (_name, method, send, body) => {
    const cluster = new SlowCluster();
    const middleware = [replicationMiddleware(options), sessions(() => write(cluster))];
    await using site = await page(signIn(send), ...middleware);
    const answered = site.client.send(method, '/');
    await cluster.wasAsked();
    cluster.tell('0/1');
    const reply = await answered;
    expect(reply.body).toBe(body);
    expect(reply.cookies.map((cookie) => cookie.split('=')[0])).toEqual(['connect.sid', 'replication_pin']);
    expect(decodeURIComponent(pinOf(reply) ?? '')).toContain('0/1');
  });

  it('what the handler wrote and what is saved are pinned to together', async () => {
    const cluster = new SlowCluster();
    const handler: RequestHandler = async (req, res) => {
      await write(cluster);
      req.session.user = 'ann';
      res.send('hello');
    };
    const middleware = [replicationMiddleware(options), sessions(() => write(cluster))];
    await using site = await page(handler, ...middleware);
    const answered = site.client.send('POST', '/');
    await cluster.wasAsked();
    cluster.tell('0/1');
    while (cluster.asked < 2) await setImmediate();
    cluster.tell('0/2');
    const reply = await answered;
    expect(decodeURIComponent(pinOf(reply) ?? '')).toContain('0/2');
    expect(reply.cookies).toHaveLength(2);
  });

  it('a session that has not changed holds nothing up, and pins nobody', async () => {
    let isLookedAt: boolean | undefined;
    const handler: RequestHandler = (_req, res) => {
      res.send('hello');
      // A disguise would be a property of its own.
      isLookedAt = Object.hasOwn(res, 'headersSent');
    };
    await using site = await page(
      handler,
      replicationMiddleware(options),
      sessions(() => write()),
    );
    const reply = await site.client.send('GET', '/');
    expect(reply).toMatchObject({ body: 'hello', cookies: [] });
    expect(isLookedAt).toBe(false);
  });

  it('while it is saved, the response looks as if it had left', async () => {
    const seen: unknown[] = [];
    const cluster = new SlowCluster();
    const handler = signIn((res) => {
      res.send('hello');
      seen.push(res.headersSent);
      try {
        res.setHeader('x-late', 'l');
      } catch (error) {
        seen.push((error as NodeJS.ErrnoException).code);
      }
    });
    const middleware = [replicationMiddleware(options), sessions(() => write(cluster))];
    await using site = await page(handler, ...middleware);
    const answered = site.client.send('GET', '/');
    await cluster.wasAsked();
    cluster.tell('0/1');
    expect((await answered).headers).not.toHaveProperty('x-late');
    expect(seen).toEqual([true, 'ERR_HTTP_HEADERS_SENT']);
  });

  it.each([
    ['inside', (own: RequestHandler[]) => [...own, compression({ threshold: 0 })]],
    ['outside', (own: RequestHandler[]) => [compression({ threshold: 0 }), ...own]],
    ['between', ([first, ...rest]: RequestHandler[]) => [first, compression({ threshold: 0 }), ...rest]],
  ] as [string, (own: RequestHandler[]) => RequestHandler[]][])(
    'a response that is compressed %s arrives whole, and pinned',
    async (_name, around) => {
      const own = [replicationMiddleware(options), sessions(() => write())];
      await using site = await page(
        signIn((res) => res.send('hello'.repeat(1_000))),
        ...around(own),
      );
      // What stands around the middleware knows of the layer below it from the second response on.
      await site.client.send('GET', '/');
      for (let visit = 0; visit < 3; visit += 1) {
        const reply = await site.client.send('GET', '/', { headers: { 'accept-encoding': 'gzip' } });
        expect(reply.headers['content-encoding']).toBe('gzip');
        expect(isPinned(reply)).toBe(true);
      }
      const plain = await site.client.send('GET', '/');
      expect(plain.body).toBe('hello'.repeat(1_000));
    },
  );

  it('what is saved when the headers have already left is late', async () => {
    const late = vi.fn();
    subscribe('node-replicated:late-write', late);
    const explicit = signIn((res) => res.writeHead(201).end('hello'));
    const streamed = signIn((res) => {
      res.write('hel');
      res.end('lo');
    });
    for (const answer of [explicit, streamed]) {
      const middleware = [replicationMiddleware(options), sessions(() => write())];
      await using site = await page(answer, ...middleware);
      const reply = await site.client.send('GET', '/');
      expect([reply.body, isPinned(reply)]).toEqual(['hello', false]);
    }
    unsubscribe('node-replicated:late-write', late);
    expect(late).toHaveBeenCalledTimes(2);
  });

  it('an end that never comes lets the headers go all the same', async () => {
    const stuck = ending((res, _end, [chunk]) => {
      res.write(chunk);
      return res;
    });
    const answer: RequestHandler = (_req, res) => void res.end('hello');
    await using site = await page(answer, replicationMiddleware(options), stuck);
    const abort = new AbortController();
    await new Promise<void>((resolve, reject) => {
      site.client.send('GET', '/', { onHead: resolve, signal: abort.signal }).catch(reject);
    });
    abort.abort();
  });

  it('an end that puts back the one before it works as before', async () => {
    const logging = ending((res, end, given) => {
      res.end = end;
      return Reflect.apply(res.end, res, given);
    });
    await using site = await page(
      (_req, res) => void res.send('hello'),
      replicationMiddleware(options),
      logging,
    );
    expect(await site.client.send('GET', '/')).toMatchObject({ body: 'hello', cookies: [] });
  });

  it('an end that throws is an error of the request, which is answered', async () => {
    let again = false;
    const failing = ending((res, end, given) => {
      if (again) return Reflect.apply(end, res, given);
      again = true;
      throw new Error('it cannot be saved');
    });
    await using site = await page(
      (_req, res) => void res.send('hello'),
      replicationMiddleware(options),
      failing,
    );
    expect(await site.client.send('GET', '/')).toMatchObject({ status: 500, body: 'sorry' });
  });

  it('what is saved by middleware outside the request is none of its writes', async () => {
    await using site = await page(
      signIn((res) => res.send('hello')),
      sessions(() => write()),
      replicationMiddleware(options),
    );
    for (let visit = 0; visit < 3; visit += 1) {
      expect(isPinned(await site.client.send('GET', '/'))).toBe(false);
    }
  });
});
