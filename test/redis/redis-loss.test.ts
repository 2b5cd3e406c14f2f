import { onReplicationEvent, type PinStore, type ReplicationOptions } from '@node-replicated/core';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import { RedisPinStore } from '@node-replicated/redis';
import { afterAll, beforeAll, beforeEach, expect, it, type TestContext, vi } from 'vitest';
import { finalState, makeTable, openBoard } from '../history/board.js';
import { check, type Violations } from '../history/checker.js';
import { History, type Operation } from '../history/history.js';
import { reasonsOn, summary } from '../history/summary.js';
import { visit } from '../history/visitors.js';
import { eventually, openPool } from '../integration/stage.js';
import { identify } from './identify.js';
import { connectRedis, describeWithRedis, redis } from './redis-stage.js';

const seed = 20_261_125;
const sessions = 24;
/** Longer than anybody reads from the primary alone because Redis was away. */
const cautionMs = 6_000;
/** So long that replicas show nothing of what is written from then on. */
const lagMs = 60_000;

vi.setConfig({ testTimeout: 120_000 });

interface Outcome {
  readonly operations: readonly Operation[];
  readonly violations: Violations;
}

describeWithRedis('visitors whose pins are in a Redis that is killed and comes back with nothing', () => {
  let cluster: LocalCluster;
  let pool: ReplicatedPool;

  beforeAll(async () => {
    cluster = await startCluster({ replicas: 2 });
    // Two busy cores may keep a probe waiting longer than any application would let it.
    pool = await openPool(cluster, { probeTimeoutMs: 5_000, maxLagMs: 120_000 });
  });

  beforeEach(async () => {
    await lag(0);
    await cluster.waitForCatchUp();
    await makeTable(cluster);
    await cluster.waitForCatchUp();
  });

  afterAll(async () => {
    await pool?.end();
    await cluster?.stop();
  });

  async function lag(ms: number): Promise<void> {
    await Promise.all(cluster.replicas.map((replica) => replica.setLag(ms)));
  }

  /** Lets visitors in, kills Redis and starts it again, and judges what they have seen. */
  async function run(
    { annotate }: TestContext,
    storeOf: (store: RedisPinStore) => PinStore,
  ): Promise<Outcome> {
    // Two processes in one: each site has a connection of its own, and its own view of what goes on.
    const settings = (): ReplicationOptions => ({
      cookie: false,
      pin: { forMs: 0 },
      pinStore: { store: storeOf(new RedisPinStore(connectRedis())), identify },
    });
    const history = new History();
    await using board = await openBoard(pool, settings);
    let over = false;
    const strike = async (): Promise<void> => {
      await readsFromReplicas(history);
      await lag(lagMs);
      await goesOn(history, 200);
      await redis.kill();
      await goesOn(history, 200);
      await redis.restart();
      await goesOnFor(history, cautionMs);
      await lag(0);
      await readsFromReplicas(history);
    };
    await Promise.all([
      visit({
        urls: board.urls,
        sessions,
        seed,
        history,
        named: true,
        untilServedByReplica: false,
        busy: () => !over,
      }),
      strike().finally(() => {
        over = true;
      }),
    ]);
    const { operations } = history;
    const violations = check(operations, await finalState(cluster));
    await annotate(summary(operations, violations));
    return { operations, violations };
  }

  it('miss none of their writes, and are refused nothing; replicas serve them before and after', async (context) => {
    const failures: string[] = [];
    const stop = onReplicationEvent('pin-store-failed', ({ error }) => failures.push(error));
    const { operations, violations } = await run(context, (store) => store);
    stop();
    expect(operations.flatMap(({ failure }) => failure ?? [])).toEqual([]);
    expect(violations).toMatchObject({ readYourWrites: [], lostWrites: [], doubledWrites: [] });
    // Each site, of a server that was just started, and again when that is another one.
    const gaps = failures.filter((error) => /may lack pins/.test(error));
    expect(gaps.length).toBeGreaterThanOrEqual(4);
    expect(failures.length).toBeGreaterThan(gaps.length);
    expect(reasonsOn(operations, 'replica')).toContain('caught-up');
    expect(reasonsOn(operations, 'primary')).toContain('pin');
  });

  it('do miss them where a failure of Redis counts as an answer', async (context) => {
    const { violations } = await run(context, (store) => ({
      get: (client) => store.get(client).catch(() => undefined),
      advance: (...given) => store.advance(...given).catch(() => undefined),
    }));
    expect(violations.readYourWrites.length).toBeGreaterThan(0);
  });
});

async function goesOn({ operations }: History, count: number): Promise<void> {
  const enough = operations.length + count;
  await eventually(`${count} more operations`, () => operations.length >= enough, 60_000);
}

async function goesOnFor({ operations }: History, ms: number): Promise<void> {
  const began = performance.now();
  const longAfter = (): boolean => operations.some(({ start }) => start > began + ms);
  await eventually(`something goes on ${ms} ms later`, longAfter, 60_000);
}

async function readsFromReplicas({ operations }: History): Promise<void> {
  const began = performance.now();
  const served = (): boolean =>
    operations.some(({ kind, node, start }) => kind === 'read' && node !== 'primary' && start > began);
  await eventually('a replica serves again', served, 60_000);
}
