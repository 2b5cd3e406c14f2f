import { pause } from './pause.js';
import type { Cut } from './plan.js';
import type { StormedCluster } from './stormed-cluster.js';

/** Breaks ways between applications and nodes as planned, and mends them. */
export async function strikeNetwork(
  cluster: StormedCluster,
  cuts: readonly Cut[],
  over: AbortSignal,
): Promise<void> {
  await Promise.all(
    cuts.map(async (cut) => {
      await pause(cut.atMs, over);
      if (!over.aborted) await strike(cluster, cut, over);
    }),
  );
}

/** Where somebody else sees to the way to that node, the next one in the list is struck. */
async function strike(
  cluster: StormedCluster,
  { node: index, mode, forMs }: Cut,
  over: AbortSignal,
): Promise<void> {
  const { nodes, chronicle } = cluster;
  const taken = cluster.takeWay([...nodes.slice(index), ...nodes.slice(0, index)]);
  if (taken === undefined) return;
  const { node, giveBack } = taken;
  chronicle.strike(`cut: ${mode}`, node.name);
  const heal = chronicle.begin('unfit', node.name);
  try {
    await node.cut(mode);
    await pause(forMs, over);
    await node.heal();
  } finally {
    heal();
    giveBack();
  }
}
