import type { LocalCluster, LocalNode } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import { expect, type TestContext } from 'vitest';
import { finalState, makeTable, openBoard } from '../history/board.js';
import { check, type Violations } from '../history/checker.js';
import { History, type Operation } from '../history/history.js';
import { summary } from '../history/summary.js';
import { visit } from '../history/visitors.js';
import { eventually } from '../integration/stage.js';

/** Visitors on a site, while a fault strikes. */
export interface Load {
  readonly operations: readonly Operation[];
  /** Waits until so many more operations have succeeded. */
  goesOn(count?: number): Promise<void>;
  /** Waits until a node has served something that began after this call. */
  isServedBy(node: LocalNode): Promise<void>;
  /** Waits until something that began after this call has been written. */
  isWritten(): Promise<void>;
}

/** What visitors have seen of a fault. */
export interface Verdict {
  readonly operations: readonly Operation[];
  readonly violations: Violations;
  readonly failedReads: readonly string[];
  readonly failedWrites: readonly string[];
}

interface LoadOptions {
  readonly context: TestContext;
  readonly cluster: LocalCluster;
  readonly pool: ReplicatedPool;
  /** The primary when all is over. @default the cluster's first */
  readonly primary?: () => LocalNode;
  /**
   * Whether every visitor comes back to a replica in the end. Those whose write is in doubt do not for a while.
   * @default true
   */
  readonly untilServedByReplica?: boolean;
}

const sessions = 16;
const seed = 20_261_125;

/** Lets visitors in, lets a fault strike while they read and write, and judges what they have seen. */
export async function underLoad(
  { context, cluster, pool, primary = () => cluster.primary, untilServedByReplica = true }: LoadOptions,
  fault: (load: Load) => Promise<unknown>,
): Promise<Verdict> {
  await makeTable(cluster);
  await cluster.waitForCatchUp();
  const history = new History();
  let over = false;
  await using board = await openBoard(pool, { pin: { forMs: 0 } });
  const load = loadOf(history);
  const strike = async (): Promise<void> => {
    await load.goesOn();
    await fault(load);
    await load.goesOn();
  };
  const struck = Promise.all([
    visit({ urls: board.urls, sessions, seed, history, busy: () => !over, untilServedByReplica }),
    strike().finally(() => {
      over = true;
    }),
  ]);
  await struck.catch((error: unknown) => {
    const failed = history.operations.find(({ failure }) => failure !== undefined)?.failure;
    throw new Error(`${error}; the first failure of a visitor: ${failed}`, { cause: error });
  });
  const { operations } = history;
  const violations = check(operations, await finalState({ primary: primary() }));
  await context.annotate(summary(operations, violations));
  return {
    operations,
    violations,
    failedReads: failures(operations, 'read'),
    failedWrites: failures(operations, 'write'),
  };
}

/** Nobody has noticed anything. */
export function expectUnnoticed(verdict: Verdict): void {
  expectHonest(verdict);
  expect(verdict.failedWrites).toEqual([]);
}

/** No read has failed, no write that was acknowledged is lost, and none was missed or done twice. */
export function expectHonest({ failedReads, violations }: Verdict): void {
  expect(failedReads).toEqual([]);
  // Monotonic reads are not promised.
  expect(violations).toMatchObject({ readYourWrites: [], lostWrites: [], doubledWrites: [] });
}

function loadOf(history: History): Load {
  const newer = (isWanted: (operation: Operation) => boolean): (() => boolean) => {
    const began = performance.now();
    return () => history.operations.some((operation) => operation.start > began && isWanted(operation));
  };
  return {
    operations: history.operations,
    goesOn: async (count = 200) => {
      const good = (): number => history.operations.filter(({ failure }) => failure === undefined).length;
      const enough = good() + count;
      await eventually(`${count} more operations without a failure`, () => good() >= enough, 30_000);
    },
    isServedBy: ({ name }) =>
      eventually(
        `${name} serves`,
        newer(({ node, failure }) => node === name && failure === undefined),
        30_000,
      ),
    isWritten: () =>
      eventually(
        'something is written',
        newer(({ kind, failure }) => kind === 'write' && failure === undefined),
        30_000,
      ),
  };
}

function failures(operations: readonly Operation[], kind: Operation['kind']): readonly string[] {
  return operations.flatMap((operation) => (operation.kind === kind ? (operation.failure ?? []) : []));
}
