import { type LocalCluster, type LocalNode, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { eventually, notesSchema, openPool, stateOf, within } from './stage.js';

/** The cluster of the test file that has called `stageNodes`, and its two replicas. */
export let cluster: LocalCluster;
export let first: LocalNode;
export let second: LocalNode;

/** The pool over it that each test has to itself. */
export let pool: ReplicatedPool;

/** Starts a primary and two replicas for all tests of a file, and opens a pool for each of them. */
export function stageNodes(): void {
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 2 });
    [first, second] = cluster.replicas as [LocalNode, LocalNode];
    await cluster.primary.query(notesSchema);
    await cluster.waitForCatchUp();
  });
  beforeEach(async () => {
    pool = await openPool(cluster);
  });
  afterEach(async () => {
    await within(10_000, 'the end of the pool', pool.end());
  });
  afterAll(() => cluster?.stop());
}

/** Waits until a pool sees a node in a state. */
export function becomes(of: ReplicatedPool, name: string, state: string): Promise<void> {
  return eventually(`${name} is ${state}`, () => stateOf(of, name) === state);
}
