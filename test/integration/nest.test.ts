import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { INestApplication } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileProject } from '../../packages/decorators/test/compile-project.js';
import { eventually, impatient, notesSchema } from './stage.js';

const folder = resolve(import.meta.dirname, '../fixtures');
const output = resolve(import.meta.dirname, '../dist/nest');

type Fixture = typeof import('../fixtures/notes-application.js');

let fixture: Fixture;
let cluster: LocalCluster;

beforeAll(async () => {
  await compileProject(join(folder, 'tsconfig.json'), output);
  fixture = (await import(pathToFileURL(join(output, 'notes-application.js')).href)) as Fixture;
  cluster = await startCluster({ replicas: 1 });
  await cluster.primary.query(notesSchema);
  await cluster.waitForCatchUp();
});

afterAll(() => cluster?.stop());

const onPrimary = { standby: false };
const onReplica = { standby: true };

const platforms: readonly (readonly [string, () => AbstractHttpAdapter])[] = [
  ['Nest on Express', () => new ExpressAdapter()],
  ['Nest on Fastify', () => new FastifyAdapter()],
];

describe.each(platforms)('%s', (_, adapter) => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    const nodes = { ...impatient, primary: cluster.url, replicas: cluster.replicaUrls };
    const options = {
      secret: 'the secret of these tests is long enough',
      overrides: { 'PostsController.list': 'master' },
    } as const;
    const root = fixture.notesApplication(nodes, options);
    app = await NestFactory.create(root, adapter(), {
      logger: false,
      abortOnError: false,
      forceCloseConnections: true,
    });
    await app.listen(0, '127.0.0.1');
    await eventually('every node is up', () => app.get(fixture.Notes).ready);
    const { port } = app.getHttpServer().address() as AddressInfo;
    url = `http://127.0.0.1:${port}/posts`;
  });

  afterAll(() => app?.close());

  async function send(method: string, path = '', init: RequestInit = {}): Promise<Response> {
    const headers = { 'content-type': 'application/json', connection: 'close', ...init.headers };
    return fetch(url + path, {
      method,
      ...init,
      headers,
      ...(method === 'POST' && { body: '{"body":"x"}' }),
    });
  }

  async function placed(method: string, path = ''): Promise<unknown> {
    const response = await send(method, path);
    expect(response.ok).toBe(true);
    return response.json();
  }

  it('a GET reads on a replica, and sets no cookie', async () => {
    const response = await send('GET');
    expect(await response.json()).toMatchObject(onReplica);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  it('a POST writes on the primary, and its client reads what it wrote from there', async () => {
    const body = `by ${url}`;
    const written = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ body }),
    });
    expect(await written.json()).toMatchObject(onPrimary);
    const [cookie = ''] = written.headers.getSetCookie();
    expect(cookie).toMatch(/^replication_pin=/);
    const read = await send('GET', '', { headers: { cookie: cookie.split(';')[0] ?? '' } });
    expect(await read.json()).toMatchObject({ ...onPrimary, bodies: expect.arrayContaining([body]) });
  });

  it.each([
    ['GET', '/fresh', '@UseMaster', onPrimary],
    ['POST', '/search', '@UseSlave', onReplica],
    ['GET', '/list', 'the override of its handler', onPrimary],
  ])('%s %s and its guard go where %s says', async (method, path, _, place) => {
    fixture.AskingGuard.asked.length = 0;
    expect(await placed(method, path)).toMatchObject(place);
    expect(fixture.AskingGuard.asked).toMatchObject([place]);
  });

  it('an Observable asks where its handler would', async () => {
    expect(await placed('POST', '/observed')).toMatchObject(onReplica);
  });

  it('a StreamableFile streams rows from where its handler would read', async () => {
    const rows = (await (await send('POST', '/streamed')).text()).trim().split('\n');
    expect(rows).toEqual(Array.from({ length: 5 }, () => '{"standby":true}'));
  });

  it('a decorated provider goes its own way inside a request', async () => {
    expect(await placed('POST', '/report')).toMatchObject([onReplica, onPrimary]);
  });

  it('while the primary is lost a POST is answered with 503, and a GET is served', async () => {
    await cluster.primary.cut();
    try {
      await eventually('a write is refused', async () => (await send('POST')).status === 503);
      const refused = await send('POST');
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await refused.text()).not.toContain('127.0.0.1');
      expect(await placed('GET')).toMatchObject(onReplica);
    } finally {
      await cluster.primary.heal();
      await eventually('a write is taken', async () => (await send('POST')).ok);
    }
  });
});
