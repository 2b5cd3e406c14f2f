import type { LocalCluster } from '@node-replicated/local-cluster';

/** Runs a function after all replicas have what was written before it, and while they replay nothing. */
export async function whileReplicasLag<T>(cluster: LocalCluster, fn: () => Promise<T>): Promise<T> {
  const { replicas } = cluster;
  await cluster.waitForCatchUp();
  await Promise.all(replicas.map((replica) => replica.pauseReplay()));
  try {
    return await fn();
  } finally {
    await Promise.all(replicas.map((replica) => replica.resumeReplay()));
  }
}
