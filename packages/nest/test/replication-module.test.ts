import 'reflect-metadata';
import { Controller, type DynamicModule, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, RouteConfig } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { currentReplication, defineReplication, type ReplicationOptions } from '@node-replicated/core';
import { ReplicationModule } from '@node-replicated/nest';
import { describe, expect, test } from 'vitest';
import { type Site, secret } from '../../node-http/test/contract/implementation.js';
import { compileFixtures } from './load-fixtures.js';
import { type Platform, platforms, quiet, serve } from './nest-servers.js';

const load = await compileFixtures('replication-module');
const { ApplicationModule } = (await load('application.js')) as typeof import('./fixtures/application.js');

function openOn(platform: Platform, replication: DynamicModule): Promise<Site> {
  class Root {}
  Module({ imports: [ApplicationModule.over(replication)] })(Root);
  return platform.create(Root).then((app) => serve(app, platform.connect));
}

async function ask(site: Site, method: string, path: string): Promise<unknown> {
  const { status, body } = await site.client.send(method, path, {
    headers: { 'content-type': 'application/json' },
    ...(method === 'POST' && { body: '{}' }),
  });
  expect(status).toBeLessThan(400);
  return body.startsWith('[') ? JSON.parse(body) : body;
}

/** What each part of a request is to note, when all of them go the same way; middleware does not know the handler. */
function parts(place: string, beforeTheHandlerIsKnown = place): readonly string[] {
  const rest = ['global guard', 'guard', 'interceptor', 'pipe', 'handler'];
  return [`middleware ${beforeTheHandlerIsKnown}`, ...rest.map((part) => `${part} ${place}`)];
}

for (const platform of platforms) {
  const open = (options: ReplicationOptions = {}): Promise<Site> =>
    openOn(platform, ReplicationModule.forRoot({ secret, ...options }));

  describe(platform.name, () => {
    test('every part of a request goes where its method says', async () => {
      await using site = await open();
      expect(await ask(site, 'GET', '/posts/list/1')).toEqual(parts('replica/method'));
      expect(await ask(site, 'POST', '/posts/search/1')).toEqual(parts('replica/forced', 'primary/method'));
    });

    test('what a handler forces holds for its guards, interceptors and pipes too', async () => {
      await using site = await open();
      expect(await ask(site, 'GET', '/posts/fresh/1')).toEqual(parts('primary/forced', 'replica/method'));
    });

    test('an override of a handler is known to the first guard of all', async () => {
      await using site = await open({ overrides: { 'PostsController.list': 'master' } });
      expect(await ask(site, 'GET', '/posts/list/1')).toEqual(parts('primary/override', 'replica/method'));
    });

    test('an override of a path is known to middleware', async () => {
      await using site = await open({ overrides: { '/posts/list/:page': 'master' } });
      expect(await ask(site, 'GET', '/posts/list/1')).toEqual(parts('primary/override'));
    });

    test('a decorator beats the override of its handler', async () => {
      await using site = await open({ overrides: { 'PostsController.search': 'primary' } });
      const expected = parts('replica/forced', 'primary/method');
      expect(await ask(site, 'POST', '/posts/search/1')).toEqual(expected);
    });

    test('an inherited handler is known by the controller that has it', async () => {
      await using site = await open({ overrides: { 'NewsController.latest': 'primary' } });
      expect(await ask(site, 'GET', '/news/latest')).toBe('primary/override');
      expect(await ask(site, 'GET', '/blog/latest')).toBe('replica/method');
    });

    test('a decorator of a controller holds for its handlers, but for those that have their own', async () => {
      await using site = await open();
      expect(await ask(site, 'GET', '/admin/all')).toEqual([
        'middleware replica/method',
        'global guard primary/forced',
        'guard primary/forced',
        'handler primary/forced',
      ]);
      expect(await ask(site, 'GET', '/admin/report')).toEqual([
        'middleware replica/method',
        'global guard replica/forced',
        'guard replica/forced',
        'handler replica/forced',
      ]);
    });

    test('an exception filter goes where the handler went', async () => {
      await using site = await open();
      const { status, body } = await site.client.send('GET', '/posts/refused');
      expect([status, JSON.parse(body).at(-1)]).toEqual([418, 'filter primary/forced']);
    });

    test('decorated providers go their own way, and leave the request on its', async () => {
      await using site = await open();
      expect(await ask(site, 'GET', '/posts/services')).toEqual([
        'replica/forced',
        'primary/forced',
        'replica/forced',
        'replica/method',
      ]);
    });

    test('a provider of the request is made where the handler runs', async () => {
      await using site = await open();
      expect(await ask(site, 'POST', '/basket')).toEqual(['primary/method', 'primary/method']);
    });

    test('a controller that is made for each request keeps what its handlers force', async () => {
      await using site = await open();
      expect(await ask(site, 'POST', '/basket/checked')).toEqual(['replica/forced']);
    });

    test('an Observable does its work where its handler would', async () => {
      await using site = await open();
      expect(await ask(site, 'POST', '/posts/observed')).toBe('replica/forced');
    });

    test('a StreamableFile is read where its handler would read', async () => {
      await using site = await open();
      expect(await ask(site, 'POST', '/posts/streamed')).toBe('replica/forced '.repeat(3));
    });

    test('requests that run at the same time do not see one another', async () => {
      await using site = await open();
      const paths = ['/posts/list/1', '/posts/fresh/1'] as const;
      const asked = Array.from({ length: 40 }, (_, n) => ask(site, 'GET', paths[n % 2] ?? ''));
      for (const [n, noted] of (await Promise.all(asked)).entries()) {
        expect(noted).toEqual(
          n % 2 === 0 ? parts('replica/method') : parts('primary/forced', 'replica/method'),
        );
      }
    });

    test('options may come from a factory', async () => {
      const settings = { overrides: { '/news/*': 'primary' } } as const;
      class Settings {}
      const imported = {
        module: Settings,
        providers: [{ provide: 'settings', useValue: settings }],
        exports: ['settings'],
      };
      const replication = ReplicationModule.forRootAsync({
        imports: [imported],
        inject: ['settings'],
        useFactory: async (given: typeof settings) => ({ secret, ...given }),
      });
      await using site = await openOn(platform, replication);
      expect(await ask(site, 'GET', '/news/latest')).toBe('primary/override');
    });

    test('options that cannot be used end the start, also those from a factory', async () => {
      const bad = { secret, safeMethods: 'GET' as never };
      expect(() => ReplicationModule.forRoot(bad)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
      const replication = ReplicationModule.forRootAsync({ useFactory: () => bad });
      await expect(openOn(platform, replication)).rejects.toMatchObject({ code: 'ERR_OPTION' });
    });

    test('imported twice, the module serves once', async () => {
      class Other {}
      Module({ imports: [ReplicationModule.forRoot({ secret })] })(Other);
      class Root {}
      const replication = ReplicationModule.forRoot({ secret });
      Module({ imports: [ApplicationModule.over(replication), Other] })(Root);
      await using site = await serve(await platform.create(Root), platform.connect);
      expect(await ask(site, 'GET', '/posts/list/1')).toEqual(parts('replica/method'));
    });
  });
}

describe('a testing module', () => {
  const replication = (): DynamicModule => ReplicationModule.forRoot({ secret });

  test('serves an application on Express', async () => {
    const testing = await Test.createTestingModule({
      imports: [ApplicationModule.over(replication())],
    }).compile();
    await using site = await serve(testing.createNestApplication(quiet));
    expect(await ask(site, 'GET', '/posts/fresh/1')).toEqual(parts('primary/forced', 'replica/method'));
  });

  test('serves an application on Fastify', async () => {
    const testing = await Test.createTestingModule({
      imports: [ApplicationModule.over(replication())],
    }).compile();
    await using site = await serve(testing.createNestApplication(new FastifyAdapter(), quiet));
    expect(await ask(site, 'GET', '/posts/fresh/1')).toEqual(parts('primary/forced', 'replica/method'));
  });
});

test('an application without a server starts and ends', async () => {
  class Root {}
  Module({ imports: [ReplicationModule.forRoot(defineReplication({ secret }))] })(Root);
  const context = await NestFactory.createApplicationContext(Root, quiet);
  expect(context.get(ReplicationModule, { strict: false })).toBeInstanceOf(ReplicationModule);
  await context.close();
});

describe('a route setting of Fastify', () => {
  function openWith(rule: string): Promise<Site> {
    class RoutesController {
      tell(): string {
        return currentReplication().role;
      }
    }
    const { prototype } = RoutesController;
    const descriptor = Object.getOwnPropertyDescriptor(prototype, 'tell') ?? {};
    RouteConfig({ replication: rule })(prototype, 'tell', descriptor);
    Get('tell')(prototype, 'tell', descriptor);
    Controller()(RoutesController);
    class Root {}
    Module({ imports: [ReplicationModule.forRoot({ secret })], controllers: [RoutesController] })(Root);
    return NestFactory.create(Root, new FastifyAdapter(), quiet).then((app) => serve(app));
  }

  test('forces the role of its route', async () => {
    await using site = await openWith('primary');
    expect(await ask(site, 'GET', '/tell')).toBe('primary');
  });

  test('ends the start when it cannot be used', async () => {
    await expect(openWith('sometimes')).rejects.toMatchObject({ code: 'ERR_ROLE' });
  });
});
