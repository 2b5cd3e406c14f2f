import {
  type ClusterOptions,
  type LocalCluster,
  type LocalNode,
  startCluster,
} from '@node-replicated/local-cluster';
import { ReplicatedPool, type ReplicatedPoolOptions } from '@node-replicated/pg';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { eventually, within } from '../integration/stage.js';
import { appUrl, createAppUser } from './access.js';

/** The cluster of the test file that has called `stageFaults`: a primary and two replicas. */
export let cluster: LocalCluster;
export let first: LocalNode;
export let second: LocalNode;

/** The pool over it that each test has to itself. */
export let pool: ReplicatedPool;

/** Short pauses, and patience enough for two busy cores. */
const settings: ReplicatedPoolOptions = {
  probeIntervalMs: 100,
  probeTimeoutMs: 1_500,
  downtimeMs: 1_000,
  failoverWaitMs: 30_000,
};

/** Starts one cluster for all tests of a file, and opens a pool as an application's user for each of them. */
export function stageFaults(
  clusterOptions: ClusterOptions = {},
  poolOptions: ReplicatedPoolOptions = {},
): void {
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 2, ...clusterOptions });
    [first, second] = cluster.replicas as [LocalNode, LocalNode];
    await createAppUser(cluster);
    await cluster.waitForCatchUp();
  });
  beforeEach(async () => {
    pool = await openAppPool(poolOptions);
  });
  afterEach(async () => {
    await within(15_000, 'the end of the pool', pool[Symbol.asyncDispose]());
  });
  afterAll(() => cluster?.stop());
}

/** A pool over all nodes that has seen each of them, unless it is told to look at others. */
export async function openAppPool(options: ReplicatedPoolOptions = {}): Promise<ReplicatedPool> {
  const nodes = cluster.nodes.map((node) => ({ name: node.name, connectionString: appUrl(node) }));
  const opened = new ReplicatedPool({ nodes, ...settings, ...options });
  await eventually('every node is up', () => opened.status().nodes.every(({ state }) => state === 'up'));
  return opened;
}

/** Waits until a pool sees a node in a state. */
export function becomes({ name }: LocalNode, state: string, of: ReplicatedPool = pool): Promise<void> {
  return eventually(`${name} is ${state}`, () => statusOf(name, of).state === state, 30_000);
}

/** What a pool tells of a node. */
export function statusOf(
  name: string,
  of: ReplicatedPool = pool,
): ReturnType<ReplicatedPool['status']>['nodes'][number] {
  const status = of.status().nodes.find((node) => node.name === name);
  if (status === undefined) throw new Error(`The pool has no node ${name}.`);
  return status;
}
