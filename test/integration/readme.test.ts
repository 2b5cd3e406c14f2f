import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { compileExamples, namesOfExamples } from './examples.js';
import { type ServedExample, serveExample } from './served-example.js';

interface Use {
  readonly node: string;
  readonly role: string;
  readonly reason: string;
}

const root = resolve(import.meta.dirname, '../..');
const folder = join(root, 'test/.readme');

let cluster: LocalCluster;
let example: ServedExample | undefined;

beforeAll(async () => {
  await compileExamples(pages(), folder);
  cluster = await startCluster({ replicas: 2 });
  await cluster.primary.query('CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL)');
  await cluster.waitForCatchUp();
});

afterEach(async () => {
  await example?.[Symbol.asyncDispose]();
  example = undefined;
});

afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('the Express example reads from a replica, and shows a client its own write', async () => {
  await expectNotes(await serve('express.js'));
});

test('the Fastify example does the same, and searches by POST on a replica', async () => {
  const url = await serve('fastify.js');
  await expectNotes(url);
  const found = await fetch(`${url}/search`, { method: 'POST' });
  expect(await found.json()).toEqual({ role: 'replica' });
});

test('the decorators of the example force their roles', async () => {
  const url = await serve('decorators.js');
  expect(await uses(`${url}/balance`)).toMatchObject([{ role: 'primary', reason: 'forced' }]);
  expect(await uses(`${url}/search`, 'POST')).toMatchObject([{ role: 'replica', reason: 'forced' }]);
  expect(await uses(`${url}/cart`)).toMatchObject([{ role: 'primary', reason: 'forced' }]);
  expect(await uses(`${url}/both`)).toMatchObject([{ role: 'replica' }, { role: 'primary' }]);
});

test('the NestJS example does what the comments in it say', async () => {
  const url = await serve('nest.js');
  await expectNotes(url);
  expect(await uses(`${url}/notes/count`)).toMatchObject([{ role: 'primary', reason: 'forced' }]);
  expect(await uses(`${url}/notes/search`, 'POST')).toMatchObject([{ role: 'replica', reason: 'forced' }]);
  expect(await uses(`${url}/notes/report`)).toMatchObject([{ role: 'primary', reason: 'override' }]);
});

test('the overrides of the example beat the HTTP method', async () => {
  const url = await serve('overrides.js');
  expect(await uses(`${url}/search`, 'POST')).toMatchObject([{ role: 'replica', reason: 'override' }]);
  expect(await uses(`${url}/reports/2026`, 'POST')).toMatchObject([{ role: 'replica', reason: 'override' }]);
  expect(await uses(`${url}/admin/users`)).toMatchObject([{ role: 'primary', reason: 'override' }]);
  expect(await uses(`${url}/posts`)).toMatchObject([{ role: 'replica', reason: 'method' }]);
});

test('the job of the example runs to its end and leaves nothing open', async () => {
  await promisify(execFile)(process.execPath, [join(folder, 'out', 'job.js')], {
    env: { ...process.env, ...environment() },
  });
  const { rows } = await cluster.primary.query('SELECT text FROM notes ORDER BY id DESC LIMIT 1');
  expect(rows).toMatchObject([{ text: expect.stringMatching(/^there were \d+ notes$/) }]);
});

test('the example of clients without cookies shows each of them its writes, by a token and by its name', async () => {
  const url = await serve('session.js');
  const first = await fetch(`${url}/notes`);
  expect(first.headers.get('cache-control')).toBe('private');
  expect(first.headers.getSetCookie()).toEqual([expect.stringMatching(/^replication_pin_seen=/)]);
  const { notes } = (await first.json()) as { notes: number };
  const written = await fetch(`${url}/notes`, { method: 'POST', headers: { 'x-device': 'one' } });
  const token = written.headers.get('replication-token') ?? '';
  for (const headers of [{ 'replication-token': token }, { 'x-device': 'one' }]) {
    expect(await json(`${url}/notes`, { headers })).toMatchObject({ notes: notes + 1 });
  }
});

test('the job of the example reads what its request has written', async () => {
  const url = await serve('jobs.js');
  const before = (await json(`${url}/work`)) as { notes: number };
  await fetch(`${url}/orders`, { method: 'POST' });
  expect(await json(`${url}/work`)).toEqual({ notes: before.notes + 1 });
});

test('the commits of the example wait for what they say', async () => {
  const url = await serve('durable.js');
  expect((await fetch(`${url}/orders`, { method: 'POST' })).status).toBe(201);
  expect(await json(`${url}/visits`, { method: 'POST' })).toEqual({ waits: 'off' });
});

test.each(['yoga.js', 'apollo.js', 'mercurius.js'])(
  'the GraphQL example %s reads from a replica, and shows a client what its mutation has written',
  async (file) => {
    const url = `${await serve(file)}/graphql`;
    const { replicas } = cluster;
    const document =
      'query Read { notes { count onReplica } } mutation Write { addNote(text: "graphql") { count } }';
    const read = await ask(url, { query: document, operationName: 'Read' });
    expect(read.notes).toMatchObject({ onReplica: true });
    expect(read.cookie).toBeUndefined();
    const written = await ask(url, { query: document, operationName: 'Write' });
    expect(written.addNote?.count).toBe((read.notes?.count ?? 0) + 1);
    await Promise.all(replicas.map((replica) => replica.pauseReplay()));
    try {
      const again = await ask(url, { query: '{ notes { count onReplica } }' }, written.cookie);
      expect(again.notes).toEqual({ count: written.addNote?.count, onReplica: false });
    } finally {
      await Promise.all(replicas.map((replica) => replica.resumeReplay()));
    }
  },
);

test('every example of the documents is named once, and tested', () => {
  const named = pages().flatMap(namesOfExamples);
  expect(new Set(named).size).toBe(named.length);
  const tests = ['readme.test.ts', 'observability.test.ts', '../redis/examples.test.ts'].map((file) =>
    readFileSync(join(import.meta.dirname, file), 'utf8'),
  );
  // Some are imported by others.
  const uses = [...tests, ...pages().map((page) => readFileSync(join(root, page), 'utf8'))].join('\n');
  for (const file of named) expect(uses).toMatch(new RegExp(`'(\\./)?${file.replace(/ts$/, 'js')}'`));
});

/** The README, and all that is in docs/. */
function pages(): readonly string[] {
  const docs = readdirSync(join(root, 'docs')).filter((file) => file.endsWith('.md'));
  return ['README.md', ...docs.map((file) => join('docs', file))];
}

async function json(url: string, init: RequestInit = {}): Promise<unknown> {
  return (await fetch(url, init)).json();
}

async function serve(file: string): Promise<string> {
  example = await serveExample(join(folder, 'out', file), environment());
  return example.url;
}

async function expectNotes(url: string): Promise<void> {
  const text = `from ${url}`;
  const before = await fetch(`${url}/notes`);
  expect(await before.json()).toMatchObject({ servedBy: [{ role: 'replica', reason: 'method' }] });
  const written = await fetch(`${url}/notes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text }),
  });
  expect(written.status).toBe(201);
  const [cookie = ''] = written.headers.getSetCookie();
  const after = await fetch(`${url}/notes`, { headers: { cookie: cookie.split(';')[0] ?? '' } });
  expect(await after.json()).toMatchObject({
    rows: expect.arrayContaining([expect.objectContaining({ text })]),
    servedBy: [{ role: 'primary', reason: 'pin' }],
  });
}

interface GraphqlAnswer {
  readonly notes?: { readonly count: number; readonly onReplica: boolean };
  readonly addNote?: { readonly count: number };
  readonly cookie: string | undefined;
}

async function ask(url: string, body: object, cookie?: string): Promise<GraphqlAnswer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(cookie !== undefined && { cookie }) },
    body: JSON.stringify(body),
  });
  const { data, errors } = (await response.json()) as { data?: GraphqlAnswer; errors?: unknown };
  expect(errors).toBeUndefined();
  return { ...data, cookie: response.headers.getSetCookie()[0]?.split(';')[0] };
}

async function uses(url: string, method = 'GET'): Promise<Use[]> {
  const response = await fetch(url, { method });
  expect(response.ok).toBe(true);
  return (await response.json()) as Use[];
}

function environment(): NodeJS.ProcessEnv {
  return {
    DATABASE_URL: cluster.url,
    DATABASE_REPLICA_URLS: cluster.replicaUrls.join(','),
    REPLICATION_SECRET: 'a secret for the examples that is long enough',
  };
}
