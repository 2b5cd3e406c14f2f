import { onReplicationEvent, type ReplicationOptions } from '@node-replicated/core';
import { type LocalCluster, type LocalNode, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import { afterAll, beforeAll, beforeEach, expect, type TestContext, test, vi } from 'vitest';
import { eventually, openPool } from '../integration/stage.js';
import { finalState, makeTable, openBoard } from './board.js';
import { check, type Violations } from './checker.js';
import { History, type Operation } from './history.js';
import { reasonsOn, summary } from './summary.js';
import { visit } from './visitors.js';

interface Scenario {
  /** @default { pin: { forMs: 0 } } */
  readonly settings?: ReplicationOptions;
  /** @default 200 */
  readonly sessions?: number;
  /** How likely visitors look at what others write. @default 0 */
  readonly curiosity?: number;
  /** What happens while visitors write. They go on at least until it is over. */
  readonly meanwhile?: (history: History) => Promise<unknown>;
}

interface Run {
  readonly operations: readonly Operation[];
  readonly violations: Violations;
  /** Requests that ended with a write under way. */
  readonly lateWrites: number;
}

const seed = 20_261_120;
const crowd = 200;
/** How long visitors write at least, and how much they do at least where the machine is slow. */
const busyMs = 2_000;
const leastOperations = 1_500;

vi.setConfig({ testTimeout: 45_000 });

let cluster: LocalCluster;
let pool: ReplicatedPool;

beforeAll(async () => {
  cluster = await startCluster({ replicas: 2 });
  // Two busy cores may keep a probe waiting longer than any application would let it.
  pool = await openPool(cluster, { probeTimeoutMs: 5_000 });
});

beforeEach(async () => {
  await Promise.all(cluster.replicas.map(recover));
  await makeTable(cluster);
  await cluster.waitForCatchUp();
  await eventually('every node is up', () => pool.status().nodes.every(({ state }) => state === 'up'));
});

afterAll(async () => {
  await pool?.end();
  await cluster?.stop();
});

test('with a lag of 20 ms everybody sees their own writes', async (context) => {
  await lag(20);
  expectGood(await run(context));
});

test.for([300, 3_000])('with a lag of %i ms everybody sees their own writes', async (lagMs, context) => {
  await lag(lagMs);
  const result = await run(context);
  expectGood(result);
  expectPinned(result);
});

test('nobody misses their own writes while no replica replays for longer than a pin is sure to hold', async (context) => {
  const forMs = 200;
  await Promise.all(cluster.replicas.map((replica) => replica.pauseReplay()));
  const meanwhile = async (history: History): Promise<void> => {
    await eventually('somebody comes back to a pin that has grown old', () =>
      readsLongAfterWrites(history.operations, forMs).some(({ reason }) => reason === 'pin'),
    );
    await Promise.all(cluster.replicas.map((replica) => replica.resumeReplay()));
  };
  const result = await run(context, { settings: { pin: { forMs } }, meanwhile });
  expectGood(result);
  expectPinned(result);
});

test('a replica that has stopped replaying serves nobody who has written', async (context) => {
  const [stopped, fine] = cluster.replicas as [LocalNode, LocalNode];
  await stopped.pauseReplay();
  const result = await run(context);
  expectGood(result);
  const caughtUp = result.operations.filter(({ reason }) => reason === 'caught-up');
  expect(new Set(caughtUp.map(({ node }) => node))).toEqual(new Set([fine.name]));
});

test('replicas that are restarted cost nobody a read or a write', async (context) => {
  await lag(300);
  const meanwhile = async (history: History): Promise<void> => {
    for (const replica of cluster.replicas) {
      await replica.restart();
      const restarted = performance.now();
      await eventually(`${replica.name} serves again`, () =>
        history.operations.some(({ node, start }) => node === replica.name && start > restarted),
      );
    }
  };
  const result = await run(context, { meanwhile });
  expectGood(result);
  expectPinned(result);
});

test('with monotonic reads nobody sees less than they have seen, also of what others write', async (context) => {
  await lagUnevenly();
  const settings = { monotonicReads: true, pin: { forMs: 0 } };
  const result = await run(context, { settings, curiosity: 0.5 });
  expectGood(result);
  expect(result.violations.monotonicReads).toEqual([]);
});

test('without them visitors do see less, while their own writes stay, and the checker finds it', async (context) => {
  await lagUnevenly();
  const meanwhile = async ({ operations }: History): Promise<void> => {
    await eventually('somebody sees less', () => check(operations, []).monotonicReads.length > 0);
  };
  // Few enough to look twice before the slow replica catches up, also on a slow machine.
  const { violations } = await run(context, { curiosity: 0.5, sessions: 20, meanwhile });
  expect(violations.monotonicReads.length).toBeGreaterThan(0);
  expect(violations).toMatchObject({ readYourWrites: [], lostWrites: [], doubledWrites: [] });
});

test('without pins visitors do miss their own writes, and the checker finds it', async (context) => {
  await lag(300);
  // Few enough to be answered sooner than replicas catch up, also on a slow machine.
  const { operations, violations } = await run(context, { settings: { pin: false }, sessions: 50 });
  expect(violations.readYourWrites.length).toBeGreaterThan(0);
  expect(violations).toMatchObject({ lostWrites: [], doubledWrites: [] });
  expect(failures(operations)).toEqual([]);
});

/** Lets visitors in, and judges what they have seen. */
async function run(
  { annotate }: TestContext,
  { settings = { pin: { forMs: 0 } }, sessions = crowd, curiosity = 0, meanwhile }: Scenario = {},
): Promise<Run> {
  const history = new History();
  let lateWrites = 0;
  const stopListening = onReplicationEvent('late-write', () => {
    lateWrites += 1;
  });
  try {
    await using board = await openBoard(pool, settings);
    const began = performance.now();
    let over = meanwhile === undefined;
    const busy = (): boolean =>
      !over || performance.now() - began < busyMs || history.operations.length < leastOperations;
    await Promise.all([
      visit({ urls: board.urls, sessions, seed, history, curiosity, busy }),
      meanwhile?.(history).finally(() => {
        over = true;
      }),
    ]);
  } finally {
    stopListening();
  }
  const { operations } = history;
  const violations = check(operations, await finalState(cluster));
  await annotate(summary(operations, violations));
  return { operations, violations, lateWrites };
}

/** No promise was broken, and visitors both wrote and read from replicas, before and after that. */
function expectGood({ operations, violations, lateWrites }: Run): void {
  expect(failures(operations)).toEqual([]);
  // Monotonic reads are promised only where they are asked for.
  expect(violations).toMatchObject({ readYourWrites: [], lostWrites: [], doubledWrites: [] });
  expect(lateWrites).toBe(0);
  expect(operations.filter(({ kind }) => kind === 'write').length).toBeGreaterThan(crowd / 2);
  expect(reasonsOn(operations, 'replica')).toEqual(new Set(['method', 'caught-up']));
}

/** The promise was put to the test: replicas were behind what visitors had written. */
function expectPinned({ operations }: Run): void {
  expect(reasonsOn(operations, 'primary')).toContain('pin');
}

function failures(operations: readonly Operation[]): readonly string[] {
  return operations.flatMap(({ failure }) => failure ?? []);
}

/** Reads that began longer than so many ms after the last write of their session was acknowledged. */
function readsLongAfterWrites(operations: readonly Operation[], ms: number): readonly Operation[] {
  const lastWrite = new Map<string, number>();
  const late: Operation[] = [];
  for (const operation of operations) {
    const { session, kind, start, end } = operation;
    if (kind === 'write') lastWrite.set(session, end);
    else if (start - (lastWrite.get(session) ?? Number.POSITIVE_INFINITY) > ms) late.push(operation);
  }
  return late;
}

async function lag(ms: number): Promise<void> {
  await Promise.all(cluster.replicas.map((replica) => replica.setLag(ms)));
}

/** One replica is quick, the other one is not. */
async function lagUnevenly(): Promise<void> {
  const [quick, slow] = cluster.replicas as [LocalNode, LocalNode];
  await quick.setLag(20);
  await slow.setLag(1_000);
}

/** A replica as good as new. */
async function recover(replica: LocalNode): Promise<void> {
  if (!replica.running) await replica.restart();
  await replica.setLag(0);
  await replica.resumeReplay();
}
