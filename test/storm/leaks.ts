import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalNode } from '@node-replicated/local-cluster';
import type { PoolStatus } from '@node-replicated/pg';

/** What there is on one node, when nobody asks for anything any more. */
export interface NodeConnections {
  readonly node: string;
  /** Sessions of applications, as the server counts them. */
  readonly onServer: number;
  /** Connections that pools say they have, with one for each monitor. */
  readonly inPools: number;
  /** Those that are in somebody's hands. */
  readonly inUse: number;
  /** Who waits for one. */
  readonly waiting: number;
}

/** How long it may take until all that was under way has ended, in ms. */
const settleMs = 30_000;

/** Compares what pools and servers say, until they agree and nothing is in use, or time is up. */
export async function settledConnections(
  nodes: readonly LocalNode[],
  statuses: () => Promise<readonly PoolStatus[]>,
): Promise<readonly NodeConnections[]> {
  const deadline = performance.now() + settleMs;
  for (;;) {
    const seen = await statuses();
    const counts = await Promise.all(
      nodes.map(async (node) => connectionsOf(node.name, await sessions(node), seen)),
    );
    if (leakedConnections(counts) === 0 || performance.now() > deadline) return counts;
    await sleep(200);
  }
}

/** How many connections are somebody's who has left, or of which one side knows nothing. */
export function leakedConnections(counts: readonly NodeConnections[]): number {
  return counts.reduce(
    (sum, { onServer, inPools, inUse, waiting }) => sum + Math.abs(onServer - inPools) + inUse + waiting,
    0,
  );
}

function connectionsOf(node: string, onServer: number, statuses: readonly PoolStatus[]): NodeConnections {
  const found = statuses.flatMap(({ nodes }) => nodes.filter(({ name }) => name === node));
  const pools = found.flatMap(({ connections: { reader, writer } }) => [reader, writer]);
  const total = pools.reduce((sum, pool) => sum + pool.total, 0);
  return {
    node,
    onServer,
    inPools: total + statuses.length,
    inUse: total - pools.reduce((sum, pool) => sum + pool.idle, 0),
    waiting: pools.reduce((sum, pool) => sum + pool.waiting, 0),
  };
}

async function sessions(node: LocalNode): Promise<number> {
  const { rows } = await node.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename = 'app'",
  );
  return rows[0]?.count ?? 0;
}
