import { replication } from '@node-replicated/fastify';
import Fastify, { type FastifyInstance } from 'fastify';
import { describe, expect, it } from 'vitest';
import { secret, where } from '../../node-http/test/contract/implementation.js';

async function serverWith(options = {}): Promise<FastifyInstance> {
  const server = Fastify();
  await server.register(replication, { secret, ...options });
  return server;
}

const tell = async (): Promise<string> => where();

describe('config.replication', () => {
  it.each([
    ['primary' as const, 'primary/forced'],
    ['master' as const, 'primary/forced'],
    ['slave' as const, 'replica/forced'],
    [{ role: 'replica', maxLagMs: 500, consistency: 'eventual' } as const, 'replica/forced'],
    [undefined, 'primary/method'],
  ])('%o forces the role of its route', async (value, expected) => {
    await using server = await serverWith();
    server.post('/', { config: value === undefined ? {} : { replication: value } }, tell);
    expect((await server.inject({ method: 'POST', url: '/' })).body).toBe(expected);
  });

  it('reaches the HEAD route that Fastify adds to a GET', async () => {
    await using server = await serverWith();
    server.get('/', { config: { replication: 'primary' } }, async (_request, reply) => {
      reply.header('x-where', where());
      return 'x';
    });
    expect((await server.inject({ method: 'HEAD', url: '/' })).headers['x-where']).toBe('primary/forced');
  });

  it('holds in routes of plugins and under prefixes', async () => {
    await using server = await serverWith();
    await server.register(
      async (scoped) => {
        scoped.get('/', { config: { replication: 'primary' } }, tell);
        scoped.get('/free', tell);
      },
      { prefix: '/inner' },
    );
    for (const url of ['/inner', '/inner/']) {
      expect((await server.inject(url)).body).toBe('primary/forced');
    }
    expect((await server.inject('/inner/free')).body).toBe('replica/method');
  });

  it('is an error at start-up that names the route, when it cannot be used', async () => {
    await using server = await serverWith();
    const config = { replication: 'somewhere' as 'primary' };
    expect(() => server.get('/reports', { config }, tell)).toThrow(
      expect.objectContaining({ code: 'ERR_ROLE', message: expect.stringContaining('route GET /reports') }),
    );
  });

  it('holds also for a route that came before the plugin had loaded, where only a request can find the error', async () => {
    await using server = Fastify();
    server.register(replication, { secret });
    server.get('/early', { config: { replication: 'primary' } }, tell);
    server.get('/wrong', { config: { replication: 'somewhere' as 'primary' } }, tell);
    expect((await server.inject('/early')).body).toBe('primary/forced');
    const wrong = await server.inject('/wrong');
    expect(wrong.statusCode).toBe(500);
    expect(wrong.json()).toMatchObject({
      code: 'ERR_ROLE',
      message: expect.stringContaining('route GET /wrong'),
    });
  });

  it('beats the override map, which finds a route by its path or by its name', async () => {
    const overrides = { 'posts.list': 'primary', '/both': 'replica' } as const;
    await using server = await serverWith({ overrides });
    server.get('/posts', { config: { name: 'posts.list' } }, tell);
    server.post('/both', { config: { replication: 'primary' } }, tell);
    expect((await server.inject('/posts')).body).toBe('primary/override');
    expect((await server.inject({ method: 'POST', url: '/both' })).body).toBe('primary/forced');
  });
});
