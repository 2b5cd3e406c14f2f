import { usePrimary } from '@node-replicated/core';
import type { LocalNode } from '@node-replicated/local-cluster';
import type { ReplicatedPool, ReplicatedPoolOptions } from '@node-replicated/pg';
import { afterEach, describe, expect, it } from 'vitest';
import { becomes, cluster, first, second, stageNodes } from './nodes-stage.js';
import {
  duringGet,
  duringPost,
  eventually,
  failureOf,
  heard,
  insert,
  inUse,
  openPool,
  where,
} from './stage.js';

const sleeping = 'SELECT inet_server_port() AS port FROM pg_sleep(20)';

describe('reads on the primary', () => {
  stageNodes();
  let own: ReplicatedPool;

  /** A pool that has lost its replicas. */
  async function openAlone(options: ReplicatedPoolOptions): Promise<void> {
    own = await openPool(cluster, { primaryReads: { max: 1, queueTimeoutMs: 60_000 }, ...options });
    await Promise.all([first.kill(), second.kill()]);
    await becomes(own, 'replica-1', 'down');
    await becomes(own, 'replica-2', 'down');
  }

  /** A pool that has lost its replicas, with room for one read on the primary, and that one under way. */
  async function fillPrimary(options: ReplicatedPoolOptions = {}): Promise<void> {
    await openAlone({ name: 'full', ...options });
    void duringGet(() => own.query(sleeping)).catch(() => undefined);
    await eventually('the only reader sleeps', async () => (await sleepers(cluster.primary)) === 1);
  }

  afterEach(async () => {
    await eventually('every read has ended', async () => {
      await wakeAll();
      return inUse(own) === 0;
    });
    await own.end();
    for (const node of cluster.replicas) if (!node.running) await node.restart();
    await cluster.waitForCatchUp();
  });

  it.each(['pool', 'lease'])('that wait too long are refused with ERR_OVERLOADED (%s)', async (kind) => {
    await fillPrimary({ primaryReads: { max: 1, queueTimeoutMs: 50 } });
    const events = await heard(
      'overloaded',
      async () => {
        expect(await failureOf(read(kind))).toMatchObject({
          name: 'ReplicationError',
          code: 'ERR_OVERLOADED',
          statusCode: 503,
          headers: { 'Retry-After': '1' },
        });
      },
      'full',
    );
    expect(events).toEqual([{ cluster: 'full', node: 'primary' }]);
  });

  it('that find too many waiting are refused at once', async () => {
    await fillPrimary({ primaryReads: { max: 1, queueTimeoutMs: 60_000, maxQueue: 2 } });
    const waiting = [read(), read()];
    expect(own.waitingCount).toBe(2);
    expect(own.status().nodes[0]?.connections.reader.waiting).toBe(2);
    await expect(read()).rejects.toMatchObject({ code: 'ERR_OVERLOADED' });
    await wakeAll();
    for (const place of await Promise.all(waiting))
      expect(place).toMatchObject({ reader: true, standby: false });
  });

  it('keep no write waiting', async () => {
    await fillPrimary();
    const waiting = Array.from({ length: 200 }, () => read());
    for (let turn = 0; turn < 20; turn += 1) await duringPost(() => own.query(insert('not held up')));
    expect(own.waitingCount).toBe(200);
    await wakeAll();
    await Promise.all(waiting);
  });

  it.each(['pool', 'lease'])('that wait go to a replica that comes back (%s)', async (kind) => {
    await fillPrimary();
    const waiting = [read(kind), read(kind), read(kind)];
    await eventually('they wait', () => own.waitingCount === 3);
    await first.restart();
    for (const place of await Promise.all(waiting)) expect(place).toMatchObject({ port: first.serverPort });
    expect(await sleepers(cluster.primary)).toBe(1);
    expect(own.waitingCount).toBe(0);
  });

  it('that must be there wait on when a replica comes back', async () => {
    await fillPrimary();
    const must = duringGet(() => usePrimary(() => where(own)));
    const may = read();
    await eventually('both wait', () => own.waitingCount === 2);
    await first.restart();
    expect(await may).toMatchObject({ port: first.serverPort });
    expect(own.waitingCount).toBe(1);
    await wakeAll();
    expect(await must).toMatchObject({ port: cluster.primary.serverPort });
  });

  it('a client that holds a reader of the primary has its place until it is released', async () => {
    await openAlone({ name: 'held' });
    const client = await duringGet(() => own.connect());
    await duringGet(() => where(client));
    const waiting = read();
    await eventually('it waits', () => own.waitingCount === 1);
    client.release();
    await expect(waiting).resolves.toMatchObject({ reader: true });
    await expect(read()).resolves.toMatchObject({ reader: true });
  });

  // It leaves another node as the primary, so it comes last.
  it('that wait go to the new primary when the old one does not answer', async () => {
    await fillPrimary({ failoverWaitMs: 20_000 });
    const must = [
      duringGet(() => usePrimary(() => ask('pool'))),
      duringGet(() => usePrimary(() => ask('lease'))),
    ];
    await eventually('they wait', () => own.waitingCount === 2);
    await first.restart();
    await becomes(own, 'replica-1', 'up');
    await cluster.primary.freeze();
    await becomes(own, 'primary', 'down');
    await first.promote();
    // The read that was asleep on the old primary went on there, and holds the only reader.
    await wake(first);
    for (const place of await Promise.all(must))
      expect(place).toMatchObject({ port: first.serverPort, standby: false });
    await cluster.primary.kill();
    await second.restart();
    await Promise.all([second.follow(first), cluster.primary.follow(first)]);
  });

  function read(kind = 'pool'): Promise<unknown> {
    return duringGet(() => ask(kind));
  }

  async function ask(kind: string): Promise<unknown> {
    if (kind === 'pool') return where(own);
    const client = await own.connect();
    return where(client).finally(() => client.release());
  }
});

async function sleepers(node: LocalNode): Promise<number> {
  const { rows } = await node.query<{ n: string }>(
    "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
  );
  return Number(rows[0]?.n);
}

async function wakeAll(): Promise<void> {
  for (const node of cluster.nodes) if (node.running) await wake(node);
}

async function wake(node: LocalNode): Promise<void> {
  await node.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
}
