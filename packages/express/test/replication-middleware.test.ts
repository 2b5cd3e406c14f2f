import { fileURLToPath } from 'node:url';
import { ReplicationError } from '@node-replicated/core';
import { replicationMiddleware } from '@node-replicated/express';
import { describe, expect, it } from 'vitest';
import { pinOf } from '../../node-http/test/contract/http-client.js';
import { SlowCluster, secret, where, whose, write } from '../../node-http/test/contract/implementation.js';
import { serve, versions } from './express-servers.js';

describe.each(versions)('%s', (_, express) => {
  it('puts the state of replication on the request', async () => {
    const app = express().use(replicationMiddleware({ secret }));
    app.post('/', async (req, res) => {
      const { role, reason, wrote } = req.replication;
      await write();
      res.json({ role, reason, wrote, readOnly: req.replication.readOnly, after: req.replication.wrote });
    });
    await using site = await serve(app);
    const { body } = await site.client.send('POST', '/');
    expect(JSON.parse(body)).toEqual({
      role: 'primary',
      reason: 'method',
      wrote: false,
      readOnly: false,
      after: true,
    });
  });

  it('knows the whole path where it is mounted under a part of it', async () => {
    const router = express.Router();
    router.use(replicationMiddleware({ secret, overrides: { '/api/v1/items/:id': 'primary' } }));
    router.get('/items/:id', (_req, res) => void res.send(`${whose()} ${where()}`));
    const app = express().use('/api', express.Router().use('/v1', router));
    await using site = await serve(app);
    const { body } = await site.client.send('GET', '/api/v1/items/7?x=1');
    expect(body).toBe('GET /api/v1/items/7 primary/override');
  });

  it('binds nothing that Node adds of its own accord, which would cost every request', async () => {
    const app = express().use(replicationMiddleware({ secret }));
    const requests: import('express').Request[] = [];
    app.get('/', (req, res) => {
      requests.push(req);
      res.end();
    });
    await using site = await serve(app);
    await site.client.send('GET', '/');
    const bare = requests.flatMap((req) => req.rawListeners('end')).map(({ name }) => name);
    expect(bare).toEqual(['clearIncoming']);
  });

  it('keeps the first scope when it is mounted on the application and on a router', async () => {
    const router = express.Router().use(replicationMiddleware({ secret }));
    router.get('/', async (_req, res) => {
      await write();
      res.send(where());
    });
    const app = express().use(replicationMiddleware({ secret, overrides: { '/': 'primary' } }), router);
    await using site = await serve(app);
    const reply = await site.client.send('GET', '/');
    expect(reply.body).toBe('primary/override');
    expect(reply.cookies).toHaveLength(1);
  });

  it.each<[string, (res: import('express').Response) => void, string[]]>([
    ['res.redirect()', (res) => res.redirect('/next'), []],
    ['res.json()', (res) => void res.json({}), []],
    ['res.sendStatus()', (res) => void res.sendStatus(204), []],
    ['res.sendFile()', (res) => res.sendFile(fileURLToPath(import.meta.url)), []],
    [
      'res.cookie()',
      (res) => void res.cookie('a', '1').cookie('b', '2').send('x'),
      ['a=1; Path=/', 'b=2; Path=/'],
    ],
    ['res.clearCookie()', (res) => void res.clearCookie('a').send('x'), [expect.stringMatching(/^a=;/)]],
  ])('%s takes the pin along', async (_way, send, cookies) => {
    const app = express().use(replicationMiddleware({ secret }));
    app.post('/', async (_req, res) => {
      await write();
      send(res);
    });
    await using site = await serve(app);
    const reply = await site.client.send('POST', '/');
    expect(reply.cookies).toEqual([...cookies, expect.stringMatching(/^replication_pin=/)]);
  });

  it.each<[string, (res: import('express').Response) => void, number]>([
    ['res.redirect()', (res) => res.redirect('/next'), 302],
    ['res.json()', (res) => void res.json({}), 200],
    ['res.sendStatus()', (res) => void res.sendStatus(204), 204],
    ['res.sendFile()', (res) => res.sendFile(fileURLToPath(import.meta.url)), 200],
    ['res.format()', (res) => void res.format({ text: () => res.send('x') }), 200],
  ])('%s waits for the position of what was written', async (way, send, status) => {
    const cluster = new SlowCluster();
    const app = express().use(replicationMiddleware({ secret }));
    let response: import('express').Response | undefined;
    app.post('/', async (_req, res) => {
      response = res;
      await write(cluster);
      send(res);
    });
    await using site = await serve(app);
    const replied = site.client.send('POST', '/');
    await cluster.wasAsked();
    expect([response?.headersSent, response?.writableFinished]).toEqual([true, false]);
    cluster.tell('P1');
    const reply = await replied;
    expect(reply.status).toBe(status);
    expect(pinOf(reply)).toContain('main:P1.');
    if (way === 'res.sendFile()') expect(reply.body).toContain('res.sendFile()');
  });

  it("a handler that fails after it has answered has answered, although Express' own handler cuts it off", async () => {
    const cluster = new SlowCluster();
    const app = express().set('env', 'test').use(replicationMiddleware({ secret }));
    app.post('/', async (_req, res, next) => {
      await write(cluster);
      res.json({ answer: 'given' });
      next(new Error('too late'));
    });
    await using site = await serve(app);
    const reply = await site.client.send('POST', '/');
    expect([reply.status, reply.body]).toEqual([200, '{"answer":"given"}']);
    expect(pinOf(reply)).toContain('main:!.');
  });

  it('a handler that answers twice is told so, and the first answer counts', async () => {
    const cluster = new SlowCluster();
    const app = express().use(replicationMiddleware({ secret }));
    const told: unknown[] = [];
    app.post('/', async (_req, res, next) => {
      await write(cluster);
      res.status(201).json({ answer: 'first' });
      try {
        res.json({ answer: 'second, and longer' });
      } catch (error) {
        next(error);
      }
    });
    const onError: import('express').ErrorRequestHandler = (error, _req, res, _next) => {
      told.push(error.code, res.headersSent);
      if (!res.headersSent) res.status(500).end();
      cluster.tell('P1');
    };
    app.use(onError);
    await using site = await serve(app);
    const reply = await site.client.send('POST', '/');
    expect([reply.status, reply.body]).toEqual([201, '{"answer":"first"}']);
    expect(told).toEqual(['ERR_HTTP_HEADERS_SENT', true]);
    expect(pinOf(reply)).toContain('main:P1.');
  });

  it('a page that has not changed is answered by 304, without a cookie', async () => {
    const app = express().use(replicationMiddleware({ secret }));
    app.get('/', (_req, res) => void res.send('the same page'));
    await using site = await serve(app);
    const first = await site.client.send('GET', '/');
    const headers = { 'if-none-match': String(first.headers.etag) };
    const second = await site.client.send('GET', '/', { headers });
    expect([first.status, second.status]).toEqual([200, 304]);
    expect([...first.cookies, ...second.cookies]).toEqual([]);
  });

  it("pins for HTTPS alone where a trusted proxy says that the client's request came over HTTPS", async () => {
    const app = express().set('trust proxy', true).use(replicationMiddleware({ secret }));
    app.post('/', async (_req, res) => {
      await write();
      res.end();
    });
    await using site = await serve(app);
    const overHttps = await site.client.send('POST', '/', { headers: { 'x-forwarded-proto': 'https' } });
    expect(overHttps.cookies[0]).toMatch(/; Secure(;|$)/);
    expect((await site.client.send('POST', '/')).cookies[0]).not.toMatch(/Secure/);
  });

  it.each(['ERR_NO_PRIMARY', 'ERR_SPLIT_BRAIN', 'ERR_NO_NODE', 'ERR_NOT_PRIMARY', 'ERR_OVERLOADED'] as const)(
    '%s is answered by 503 and when to try again',
    async (code) => {
      const app = express().set('env', 'test').use(replicationMiddleware({ secret }));
      app.post('/', (_req, _res, next) => {
        next(new ReplicationError(code, 'Not now.'));
      });
      await using site = await serve(app);
      const reply = await site.client.send('POST', '/');
      expect(reply.status).toBe(503);
      expect(reply.headers['retry-after']).toBe('1');
    },
  );

  it("an error of Express' own pins too, when the request had written", async () => {
    const app = express().set('env', 'test').use(replicationMiddleware({ secret }));
    app.post('/', (_req, _res, next) => {
      write().then(() => next(new Error('the handler fails')));
    });
    await using site = await serve(app);
    const reply = await site.client.send('POST', '/');
    expect(reply.status).toBe(500);
    expect(pinOf(reply)).toBeDefined();
  });
});
