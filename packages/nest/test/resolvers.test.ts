import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Site } from '../../node-http/test/contract/implementation.js';
import { compileFixtures } from './load-fixtures.js';
import { quiet, serve } from './nest-servers.js';

let site: Site;

beforeAll(async () => {
  const load = await compileFixtures('resolvers');
  const { GraphqlApplicationModule } = (await load('graphql/application.js')) as {
    GraphqlApplicationModule: Type;
  };
  site = await serve(await NestFactory.create(GraphqlApplicationModule, new FastifyAdapter(), quiet));
});

afterAll(() => site[Symbol.asyncDispose]());

async function ask(query: string): Promise<unknown> {
  const { body } = await site.client.send('POST', '/graphql', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return JSON.parse(body);
}

test('resolvers go where their decorators say, each for itself, and the others where the request goes', async () => {
  const queries = '{ plain { title readBy } listed(page: "1") { title } fresh { title readBy } }';
  expect(await ask(queries)).toEqual({
    data: {
      plain: { title: 'primary/method', readBy: 'replica/forced of primary/method' },
      listed: { title: 'replica/forced' },
      fresh: { title: 'primary/forced', readBy: 'replica/forced of primary/forced' },
    },
  });
});

test('a mutation goes where the request goes', async () => {
  expect(await ask('mutation { write { title } }')).toEqual({ data: { write: { title: 'primary/method' } } });
});

test('a resolver that finds no primary fails as every other does', async () => {
  expect(await ask('{ lost { title } }')).toMatchObject({ data: null, errors: [{ path: ['lost'] }] });
});
