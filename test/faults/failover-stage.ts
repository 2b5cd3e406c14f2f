import { type LocalCluster, type LocalNode, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool, ReplicatedPoolOptions } from '@node-replicated/pg';
import { afterEach, beforeEach, expect, type TestContext } from 'vitest';
import { openPool, within } from '../integration/stage.js';
import { expectHonest, type Load, underLoad, type Verdict } from './load.js';

const settings: ReplicatedPoolOptions = { probeTimeoutMs: 1_500, downtimeMs: 1_000, failoverWaitMs: 30_000 };

/** The cluster of the test that runs, in a file that has called `stageFailovers`. */
export let cluster: LocalCluster;
/** Its primary to begin with. */
export let old: LocalNode;
/** The replica that is promoted, and the one that is not. */
export let heir: LocalNode;
export let other: LocalNode;
/** The pool over it. */
export let pool: ReplicatedPool;

/** Starts a cluster of three for each test, as its promotions cannot be undone, and opens a pool over it. */
export function stageFailovers(): void {
  beforeEach(async () => {
    // What is acknowledged is on the heir, so that its promotion loses nothing.
    cluster = await startCluster({ replicas: 2, sync: 1, settings: { synchronous_commit: 'remote_apply' } });
    old = cluster.primary;
    [heir, other] = cluster.replicas as [LocalNode, LocalNode];
    await cluster.primary.query('CREATE TABLE stray (x int)');
    pool = await openPool(cluster, settings);
  });
  afterEach(async () => {
    try {
      await within(15_000, 'the end of the pool', pool.end());
    } finally {
      await cluster.stop();
    }
  });
}

/** The heir takes over, and the other replica follows it. */
export async function succeed(): Promise<void> {
  await heir.promote();
  await other.follow(heir);
}

/** A node's commits no longer wait for a replica, of which there may be none. */
export async function commitAlone(node: LocalNode): Promise<void> {
  await node.query("ALTER SYSTEM SET synchronous_standby_names = ''");
  await node.query('SELECT pg_reload_conf()');
}

/** Lets visitors read and write while a fault strikes, until the heir is the primary. */
export function duringFailover(
  context: TestContext,
  fault: (load: Load) => Promise<unknown>,
  visited: ReplicatedPool = pool,
): Promise<Verdict> {
  const primary = (): LocalNode => heir;
  return underLoad({ context, cluster, pool: visited, primary, untilServedByReplica: false }, fault);
}

/** Reads have not failed, and writes only where nobody can know whether they happened. */
export function expectFollowed(verdict: Verdict, visited: ReplicatedPool = pool): void {
  expectHonest(verdict);
  expect(verdict.failedWrites.filter((failure) => !failure.includes('ERR_OUTCOME_UNKNOWN'))).toEqual([]);
  expect(visited.status()).toMatchObject({ primary: heir.name, readOnly: false });
}

/** Opens a pool that soon gives up waiting for a primary. */
export function impatient(options: ReplicatedPoolOptions = {}): Promise<ReplicatedPool> {
  return openPool(cluster, { ...settings, failoverWaitMs: 500, name: 'impatient', ...options });
}

/** How the pool sees a node. */
export function stateOf(name: string): string {
  const node = pool.status().nodes.find((one) => one.name === name);
  return `${node?.state} ${node?.role}`;
}

/** Writes a row that no visitor knows of. */
export function insertStray(x: number): string {
  return `INSERT INTO stray VALUES (${x})`;
}

/** Counts such rows. */
export function strays(x: number): string {
  return `SELECT count(*) AS n FROM stray WHERE x = ${x}`;
}
