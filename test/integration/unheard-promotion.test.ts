import { defineReplication, MemoryPinStore } from '@node-replicated/core';
import {
  openRequest,
  readyToSeal,
  runInScope,
  type Scope,
  sealResponse,
} from '@node-replicated/core/adapter';
import { type LocalCluster, type LocalNode, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool, ReplicatedPoolOptions } from '@node-replicated/pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, failureOf, insert, notesSchema, openPool, within } from './stage.js';

const secret = 'the secret of these tests is long enough';

/** Whoever has written reads from replicas as soon as one has replayed that; or on the primary, for the whole test. */
const released = 0;
const held = 300_000;

let cluster: LocalCluster;
let successor: LocalNode;
/** The pool of a process that has followed the promotion. */
let aware: ReplicatedPool;
const pools: ReplicatedPool[] = [];

beforeEach(async () => {
  cluster = await startCluster({ replicas: 2 });
  [successor] = cluster.replicas as [LocalNode];
  await cluster.primary.query(notesSchema);
  await cluster.waitForCatchUp();
  aware = await open({
    primary: { name: 'primary', connectionString: cluster.primary.directUrl },
    replicas: cluster.replicas.map(({ name, directUrl }) => ({ name, connectionString: directUrl })),
  });
});

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => within(10_000, 'the end of the pool', pool.end())));
  await cluster.stop();
});

describe('a process that has not heard of a promotion, and whose former primary lives on', () => {
  /** Its probes are held back: nothing but a client can tell it. */
  const deaf: ReplicatedPoolOptions = { probeIntervalMs: 600_000, failoverWaitMs: 20_000 };

  it('writes for a client that has met the new primary there, and not where it wrote before', async () => {
    const unaware = await open(deaf);
    const { cookie } = await writtenAfterPromotion();
    await visit('POST', undefined, () => unaware.query(insert('by somebody else')));
    expect(await notesOn(cluster.primary)).toEqual(['by somebody else']);
    await visit('POST', cookie, () => unaware.query(insert('second')));
    expect(await notesOn(cluster.primary)).toEqual(['by somebody else']);
    expect(await notesOn(successor)).toEqual(['first', 'second']);
    expect(unaware.status().primary).toBe(successor.name);
  });

  it('gives such a client no connection of the former primary, nor a transaction there', async () => {
    const unaware = await open(deaf);
    const { cookie } = await writtenAfterPromotion();
    await visit('POST', cookie, async () => {
      const client = await unaware.connect();
      await client.query('BEGIN');
      await client.query(insert('second'));
      await client.query('COMMIT');
      client.release();
    });
    expect(await notesOn(cluster.primary)).toEqual([]);
    expect(await notesOn(successor)).toEqual(['first', 'second']);
  });

  it('ends its transaction there once it is known who it is', async () => {
    const unaware = await open(deaf);
    const { cookie } = await writtenAfterPromotion();
    const visitor: { name?: string } = {};
    const store = new MemoryPinStore();
    await store.advance('ann', () => cookie.replace(/^[^=]*=/, ''), 60_000);
    const config = defineReplication({ secret, pinStore: { store, identify: () => visitor.name } });
    const facts = { method: 'POST', path: '/', headers: {}, secure: false, request: visitor };
    await runInScope(openRequest(config, facts), async () => {
      const client = await unaware.connect();
      client.on('error', () => undefined);
      await client.query('BEGIN');
      await client.query(insert('never committed'));
      visitor.name = 'ann';
      const error = await failureOf(client.query('COMMIT'));
      client.release();
      expect(error.code).toBe('ERR_NOT_PRIMARY');
    });
    await eventually('the new one is known', () => unaware.status().primary === successor.name);
    expect(await notesOn(cluster.primary)).toEqual([]);
  });

  it.each([
    ['on the primary, for its time', held],
    ['where its position is replayed', released],
  ])('shows such a client what it wrote: it reads %s', async (_, forMs) => {
    const unaware = await open(deaf);
    const { cookie } = await writtenAfterPromotion();
    expect(unaware.status().primary).toBe(cluster.primary.name);
    expect(await visit('GET', cookie, () => notes(unaware), forMs)).toMatchObject({
      answer: ['first'],
    });
  });

  it('shows it to such a client that reads through a checked-out client', async () => {
    const unaware = await open(deaf);
    const { cookie } = await writtenAfterPromotion();
    const { answer } = await visit('GET', cookie, async () => {
      const client = await unaware.connect();
      return notes(client).finally(() => client.release());
    });
    expect(answer).toEqual(['first']);
  });
});

describe('a process that cannot reach the new primary, and still reaches the former one', () => {
  const cutOff: ReplicatedPoolOptions = { probeIntervalMs: 600_000, failoverWaitMs: 1_000 };

  async function openCutOff(options: ReplicatedPoolOptions = {}): Promise<ReplicatedPool> {
    const unaware = await open({ ...cutOff, ...options });
    await successor.cut('blackhole');
    return unaware;
  }

  it('refuses what a client that has met the new one asks it to write, until it reaches that', async () => {
    const unaware = await openCutOff();
    const { cookie } = await writtenAfterPromotion();
    const error = await failureOf(visit('POST', cookie, () => unaware.query(insert('second'))));
    expect(error).toMatchObject({
      code: 'ERR_NO_PRIMARY',
      statusCode: 503,
      message: expect.stringContaining('timeline 1'),
    });
    expect(await notesOn(cluster.primary)).toEqual([]);
    await successor.heal();
    await eventually('it is written', async () => {
      const written = visit('POST', cookie, () => unaware.query(insert('second')));
      return written.then(
        () => true,
        () => false,
      );
    });
    expect(await notesOn(cluster.primary)).toEqual([]);
    expect(await notesOn(successor)).toEqual(['first', 'second']);
  });

  it('has no answer to what such a client reads, and one to what everybody else does', async () => {
    const unaware = await openCutOff();
    const { cookie } = await writtenAfterPromotion();
    for (const forMs of [held, released]) {
      const error = await failureOf(visit('GET', cookie, () => notes(unaware), forMs));
      expect(error.code).toBe('ERR_NO_PRIMARY');
    }
    expect(await visit('GET', undefined, () => notes(unaware))).toMatchObject({ answer: [] });
    await visit('POST', undefined, () => unaware.query(insert('by somebody else')));
    expect(await notesOn(cluster.primary)).toEqual(['by somebody else']);
  });

  it('with staleIfError answers from the freshest replica', async () => {
    const unaware = await openCutOff({ staleIfError: true });
    const { cookie } = await writtenAfterPromotion();
    const { answer, uses } = await visit('GET', cookie, () => notes(unaware));
    expect(answer).toEqual([]);
    expect(uses).toEqual([{ node: 'replica-2', role: 'replica', reason: 'stale' }]);
  });
});

async function open(options: ReplicatedPoolOptions): Promise<ReplicatedPool> {
  const pool = await openPool(cluster, options);
  pools.push(pool);
  return pool;
}

/** Promotes a replica while the primary lives on, and has a client write to it. */
async function writtenAfterPromotion(): Promise<{ readonly cookie: string }> {
  await successor.promote();
  await eventually('the new one is known', () => aware.status().primary === successor.name);
  return visit('POST', undefined, () => aware.query(insert('first')));
}

interface Visit<T> {
  readonly answer: T;
  /** What the client has to send from then on. */
  readonly cookie: string;
  readonly uses: Scope['session']['uses'];
}

/** Serves a request, each by a web side that knows nothing of the others but their secret. */
async function visit<T>(
  method: string,
  cookie: string | undefined,
  handler: () => Promise<T>,
  forMs = released,
): Promise<Visit<T>> {
  const config = defineReplication({ secret, pin: { forMs } });
  const headers = cookie === undefined ? {} : { cookie };
  const scope = openRequest(config, { method, path: '/', headers, secure: false });
  const answer = await runInScope(scope, handler);
  await readyToSeal(scope);
  const given = sealResponse(scope)?.cookie?.split(';')[0];
  return { answer, cookie: given ?? cookie ?? '', uses: scope.session.uses };
}

async function notes(asker: {
  query(text: string): Promise<{ rows: { body: string }[] }>;
}): Promise<readonly string[]> {
  const { rows } = await asker.query('SELECT body FROM notes ORDER BY id');
  return rows.map(({ body }) => body);
}

function notesOn(node: LocalNode): Promise<readonly string[]> {
  return notes({ query: (text) => node.query<{ body: string }>(text) });
}
