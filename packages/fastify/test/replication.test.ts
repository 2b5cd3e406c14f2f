import type { ServerResponse } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import {
  defineReplication,
  onReplicationEvent,
  ReplicationError,
  type ReplicationOptions,
} from '@node-replicated/core';
import { registerCluster, runInScope } from '@node-replicated/core/adapter';
import { replication, replicationHook } from '@node-replicated/fastify';
import Fastify, {
  type FastifyInstance,
  type FastifyServerOptions,
  type preHandlerHookHandler,
} from 'fastify';
import { describe, expect, it } from 'vitest';
import { SlowCluster, secret, where, whose, write } from '../../node-http/test/contract/implementation.js';
import { serve } from './fastify-server.js';

const pinned = expect.stringMatching(/^replication_pin=/);

async function serverWith(
  options: FastifyServerOptions = {},
  settings: ReplicationOptions = {},
): Promise<FastifyInstance> {
  const server = Fastify(options);
  await server.register(replication, { secret, ...settings });
  return server;
}

/** What a library does that calls back from a context of its own. */
function loseScope(done: () => void): void {
  runInScope(undefined, done);
}

describe('the plugin', () => {
  it('refuses bad options when it is loaded', async () => {
    await using server = Fastify();
    await expect(server.register(replication, { secret: 'short' })).rejects.toMatchObject({
      code: 'ERR_SECRET',
    });
  });

  it('takes options that were resolved before, and is found by a dynamic import', async () => {
    await using server = Fastify();
    await server.register(import('@node-replicated/fastify'), defineReplication({ secret }));
    server.get('/', async (request) => request.replication.role);
    expect((await server.inject('/')).body).toBe('replica');
  });

  it('takes over a scope that its hook has opened before the hooks of others', async () => {
    await using server = Fastify();
    const early: unknown[] = [];
    server.addHook('onRequest', replicationHook({ secret }));
    server.addHook('onRequest', async () => {
      early.push(whose(), where());
    });
    await server.register(replication, { secret });
    server.get('/', async (request) => `${where()} ${request.replication.role} ${whose()}`);
    server.post('/', { config: { replication: 'replica' } }, async () => {
      await write();
      return where();
    });
    expect((await server.inject('/')).body).toBe('replica/method replica GET /');
    expect(early).toEqual(['GET /', 'replica/method']);
    const written = await server.inject({ method: 'POST', url: '/' });
    expect(written.headers['set-cookie']).toEqual(pinned);
    expect(early.slice(2)).toEqual(['POST /', 'replica/forced']);
  });

  it('serves the whole server that it is registered in, and no other', async () => {
    await using server = Fastify();
    await server.register(async (scoped) => {
      await scoped.register(replication, { secret });
      scoped.get('/in', async () => where());
      await scoped.register(async (inner) => {
        inner.get('/inner', async () => where());
      });
    });
    server.get('/out', async () => where());
    expect((await server.inject('/in')).body).toBe('replica/method');
    expect((await server.inject('/inner')).body).toBe('replica/method');
    expect((await server.inject('/out')).body).toBe('primary/outside');
  });

  it("pins for HTTPS alone where a trusted proxy says that the client's request came over HTTPS", async () => {
    await using server = await serverWith({ trustProxy: true });
    server.post('/', () => write());
    const headers = { 'x-forwarded-proto': 'https' };
    const overHttps = await server.inject({ method: 'POST', url: '/', headers });
    expect(overHttps.headers['set-cookie']).toMatch(/; Secure(;|$)/);
    expect((await server.inject({ method: 'POST', url: '/' })).headers['set-cookie']).not.toMatch(/Secure/);
  });

  it.each(['ERR_NO_PRIMARY', 'ERR_SPLIT_BRAIN', 'ERR_NO_NODE', 'ERR_NOT_PRIMARY', 'ERR_OVERLOADED'] as const)(
    '%s is answered by 503 and when to try again',
    async (code) => {
      const server = await serverWith();
      server.post('/', async () => {
        throw new ReplicationError(code, 'Not now.');
      });
      await using site = await serve(server);
      const { status, headers } = await site.client.send('POST', '/');
      expect(status).toBe(503);
      expect(headers['retry-after']).toBe('1');
    },
  );

  it('a route that only reads is served without a primary, whatever its method', async () => {
    const forget = registerCluster({ name: 'main', readOnly: true });
    await using server = await serverWith({}, { refuseWritesWhenReadOnly: true });
    server.post('/search', { config: { replication: 'replica' } }, () => 'found');
    server.post('/', () => 'written');
    const statuses = [];
    for (const url of ['/search', '/'])
      statuses.push((await server.inject({ method: 'POST', url })).statusCode);
    forget();
    expect(statuses).toEqual([200, 503]);
  });
});

describe('the scope of a Fastify request', () => {
  it.each(['onRequest', 'preValidation', 'preHandler'] as const)(
    'outlives a hook of the server that loses it in %s',
    async (hook) => {
      await using server = await serverWith();
      const losing: preHandlerHookHandler = (_request, _reply, done) => loseScope(done);
      server.addHook(hook as 'preHandler', losing);
      server.post('/', async () => `${whose()} ${where()}`);
      const { body } = await server.inject({ method: 'POST', url: '/', payload: { title: 'x' } });
      expect(body).toBe('POST / primary/method');
    },
  );

  it('is there in every hook of others, also after one that loses it', async () => {
    const seen: string[] = [];
    const note = (hook: string): void => {
      seen.push(`${hook} ${whose()}`);
    };
    await using server = await serverWith();
    server.addHook('onRequest', async () => note('onRequest'));
    server.addHook('preParsing', (_request, _reply, payload, done) => {
      note('preParsing');
      loseScope(() => done(null, payload.pipe(new PassThrough())));
    });
    server.addHook('preValidation', (_request, _reply, done) => {
      note('preValidation');
      loseScope(done);
    });
    server.addHook('preHandler', (_request, _reply, done) => {
      note('preHandler');
      loseScope(done);
    });
    server.addHook('preSerialization', async () => note('preSerialization'));
    server.addHook('onSend', async () => note('onSend'));
    server.post('/', async () => ({ body: 'x' }));
    await server.inject({ method: 'POST', url: '/', payload: { title: 'x' } });
    const hooks = ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'preSerialization', 'onSend'];
    expect(seen).toEqual(hooks.map((hook) => `${hook} POST /`));
  });

  it('outlives hooks of a route that lose it', async () => {
    await using server = await serverWith();
    server.route({
      method: 'GET',
      url: '/',
      preHandler: [(_request, _reply, done) => loseScope(done), (_request, _reply, done) => loseScope(done)],
      handler: async () => where(),
    });
    expect((await server.inject('/')).body).toBe('replica/method');
  });

  it('outlives a body that is parsed from another stream', async () => {
    await using site = await serve(
      await serverWith().then((server) => {
        server.addHook('preParsing', async (_request, _reply, payload) => {
          const given = await text(payload);
          return runInScope(undefined, () => Readable.from([Buffer.from(given)]));
        });
        server.post('/', async ({ body }) => ({ body, whose: whose() }));
        return server;
      }),
    );
    const headers = { 'content-type': 'application/json' };
    const reply = await site.client.send('POST', '/', { headers, body: '{"title":"x"}' });
    expect(JSON.parse(reply.body)).toEqual({ body: { title: 'x' }, whose: 'POST /' });
  });

  it('reaches streams that a handler reads and replies with', async () => {
    const seen: unknown[] = [];
    await using site = await serve(
      await serverWith({ forceCloseConnections: true }).then((server) => {
        server.addContentTypeParser('application/octet-stream', (_request, _payload, done) => done(null));
        server.post('/', async (request, reply) => {
          async function* shout(): AsyncGenerator<string> {
            for await (const chunk of request.raw) {
              seen.push(whose());
              await write();
              yield String(chunk).toUpperCase();
            }
          }
          await write();
          return reply.send(Readable.from(shout()));
        });
        return server;
      }),
    );
    const headers = { 'content-type': 'application/octet-stream' };
    for (let time = 0; time < 2; time += 1) {
      const reply = await site.client.send('POST', '/', { headers, body: 'hello' });
      expect(reply.body).toBe('HELLO');
      expect(reply.cookies).toEqual([pinned]);
    }
    expect(seen).toEqual(['POST /', 'POST /']);
  });

  it('is there in error handlers, handlers of unknown routes and hooks that end a request', async () => {
    const seen: unknown[] = [];
    await using server = await serverWith();
    server.setErrorHandler(async (_error, _request, reply) => {
      seen.push(`error ${whose()}`);
      await write();
      return reply.code(418).send();
    });
    server.setNotFoundHandler(
      { preHandler: async () => void seen.push(`preHandler ${whose()}`) },
      async (_request, reply) => {
        seen.push(`404 ${whose()}`);
        await write();
        return reply.code(404).send();
      },
    );
    server.addHook('onResponse', async () => void seen.push(`onResponse ${whose()}`));
    server.get('/throws', async () => {
      await setImmediate();
      throw new Error('the handler fails');
    });
    const failed = await server.inject('/throws');
    expect([failed.statusCode, failed.headers['set-cookie']]).toEqual([418, pinned]);
    const unknown = await server.inject('/unknown');
    expect([unknown.statusCode, unknown.headers['set-cookie']]).toEqual([404, pinned]);
    expect(seen).toEqual([
      'error GET /throws',
      'onResponse GET /throws',
      'preHandler GET /unknown',
      '404 GET /unknown',
      'onResponse GET /unknown',
    ]);
  });
});

describe('the pin of a Fastify reply', () => {
  it.each<[string, (server: FastifyInstance) => void]>([
    [
      'a hijacked reply',
      (server) =>
        void server.post('/', async (_request, reply) => {
          await write();
          reply.hijack();
          reply.raw.writeHead(200, { 'Set-Cookie': 'a=1' }).end();
        }),
    ],
    [
      'a reply that is written to the response',
      (server) =>
        void server.post('/', async (_request, reply) => {
          await write();
          reply.raw.setHeader('Set-Cookie', 'a=1');
          reply.raw.end();
          return reply;
        }),
    ],
    [
      'a redirect',
      (server) =>
        void server.post('/', async (_request, reply) => {
          await write();
          return reply.header('set-cookie', 'a=1').redirect('/next');
        }),
    ],
    [
      'an onSend hook that writes',
      (server) =>
        void server
          .addHook('onSend', async (_request, reply) => {
            await write();
            reply.header('set-cookie', 'a=1');
          })
          .post('/', async () => 'x'),
    ],
    [
      'an onSend hook that fails after a write',
      (server) => {
        let failed = false;
        server.addHook('onSend', async (_request, reply) => {
          reply.removeHeader('set-cookie').header('set-cookie', 'a=1');
          if (failed) return;
          failed = true;
          throw new Error('the hook fails');
        });
        server.post('/', () => write());
      },
    ],
  ])('leaves with %s, next to the cookies of the application', async (_way, mount) => {
    const late: unknown[] = [];
    const stop = onReplicationEvent('late-write', (event) => late.push(event));
    const server = await serverWith();
    mount(server);
    await using site = await serve(server);
    const reply = await site.client.send('POST', '/');
    stop();
    expect(reply.cookies).toEqual(['a=1', pinned]);
    expect(late).toEqual([]);
  });

  it.each<[string, (server: FastifyInstance, cluster: SlowCluster) => void]>([
    [
      'a reply',
      (server, cluster) =>
        void server.post('/', async () => {
          await write(cluster);
          return 'x';
        }),
    ],
    [
      'a stream',
      (server, cluster) =>
        void server.post('/', async (_request, reply) => {
          await write(cluster);
          return reply.send(Readable.from(['x']));
        }),
    ],
    [
      'an error',
      (server, cluster) =>
        void server
          .setErrorHandler((_error, _request, reply) => void reply.code(200).send('x'))
          .post('/', async () => {
            await write(cluster);
            throw new Error('the handler fails');
          }),
    ],
    [
      'a hijacked reply',
      (server, cluster) =>
        void server.post('/', async (_request, reply) => {
          await write(cluster);
          reply.hijack();
          reply.raw.end('x');
        }),
    ],
    [
      'a reply of which an onSend hook has written, after the last look at the positions',
      (server, cluster) =>
        void server
          .addHook('onSend', async (request) => {
            if (request.method === 'POST') await write(cluster);
          })
          .post('/', async () => 'x'),
    ],
  ])('names the position of what was written: %s waits for it', async (_way, mount) => {
    const cluster = new SlowCluster();
    const server = await serverWith();
    server.get('/tell', async () => 'served');
    mount(server, cluster);
    await using site = await serve(server);
    let left = false;
    const onHead = (): void => {
      left = true;
    };
    const replied = site.client.send('POST', '/', { onHead });
    await cluster.wasAsked();
    await site.client.send('GET', '/tell');
    expect(left).toBe(false);
    cluster.tell('P1');
    const reply = await replied;
    expect([reply.status, reply.body, cluster.asked]).toEqual([200, 'x', 1]);
    expect(reply.cookies).toEqual([expect.stringMatching(/main:P1\./)]);
  });

  it('is waited for before a reply is sent: nothing has to be held', async () => {
    const cluster = new SlowCluster();
    const server = await serverWith();
    let response: ServerResponse | undefined;
    server.post('/', async (_request, reply) => {
      response = reply.raw;
      await write(cluster);
      return 'x';
    });
    await using site = await serve(server);
    const replied = site.client.send('POST', '/');
    await cluster.wasAsked();
    expect(response?.headersSent).toBe(false);
    cluster.tell('P1');
    expect((await replied).body).toBe('x');
  });
});
