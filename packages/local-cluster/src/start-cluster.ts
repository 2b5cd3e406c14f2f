import { findBinaries } from './binaries.js';
import { runnableBy } from './binary-cache.js';
import { guardFolder } from './cleanup.js';
import { makeClusterFolder, newClusterFolder } from './cluster-folder.js';
import { type ClusterOptions, type ResolvedOptions, resolveOptions } from './cluster-options.js';
import { copyTree } from './copy-tree.js';
import { initDataFolder, markStandby, writeSettings } from './data-folder.js';
import { type LocalCluster, RunningCluster } from './local-cluster.js';
import { type RunAs, unprivilegedUser } from './run-as.js';
import { ServerNode } from './server-node.js';
import { clusterSettings } from './settings.js';
import { waitUntilStreaming } from './streaming.js';

const PORT_ATTEMPTS = 5;

/**
 * Starts a primary and its replicas, and resolves when all replicas stream.
 *
 * The cluster keeps this process alive until `stop()`, as a server does. However the process ends,
 * servers and files go with it.
 *
 * @throws LocalClusterError `ERR_CLUSTER_OPTIONS`, `ERR_NO_POSTGRES`, `ERR_CLUSTER_START` or
 * `ERR_CLUSTER_TIMEOUT`; the signal's reason when it is aborted. Nothing is left behind then
 */
export async function startCluster(options: ClusterOptions = {}): Promise<LocalCluster> {
  const resolved = resolveOptions(options);
  const { signal } = resolved;
  signal?.throwIfAborted();
  const runAs = unprivilegedUser();
  const binaries = await runnableBy(runAs, findBinaries(resolved));

  const folder = newClusterFolder();
  const closing = new AbortController();
  const names = [
    'primary',
    ...Array.from({ length: resolved.replicas }, (_, index) => `replica-${index + 1}`),
  ];
  const makeNode = (name: string): ServerNode =>
    new ServerNode({ name, clusterFolder: folder, binDir: binaries.binDir, runAs, signal: closing.signal });
  const primary = makeNode('primary');
  const replicas = names.slice(1).map(makeNode);
  const cluster = new RunningCluster({ folder, guard: guardFolder(folder), primary, replicas, closing });

  const abort = (): void => closing.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await makeClusterFolder(folder, runAs);
    await initDataFolder(primary.dataFolder, binaries, { runAs, signal: closing.signal });
    await writeSettings(primary.dataFolder, clusterSettings(resolved, names, binaries.major));
    await Promise.all(replicas.map((replica) => copyAsStandby(primary, replica, runAs)));
    await startAll(cluster, resolved);
    await Promise.all(replicas.map(waitUntilStreaming));
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** The folder of a primary that has never run is as good a backup as any. */
async function copyAsStandby(
  primary: ServerNode,
  replica: ServerNode,
  owner: RunAs | undefined,
): Promise<void> {
  await copyTree(primary.dataFolder, replica.dataFolder, { owner, signal: replica.signal });
  await markStandby(replica.dataFolder, owner);
}

/**
 * Starts all nodes at once, on free ports. PostgreSQL cannot be handed an open socket, so a port may
 * be lost to somebody else between choosing and using it; then all move.
 */
async function startAll(cluster: RunningCluster, { cascade }: ResolvedOptions): Promise<void> {
  const { nodes, primary, replicas } = cluster;
  for (const [index, replica] of replicas.entries()) {
    const before = cascade ? replicas[index - 1] : undefined;
    replica.streamFrom(before ?? primary);
  }
  for (let attempt = 1; ; attempt++) {
    for (const node of nodes) await node.takePort();
    const outcomes = await Promise.allSettled(nodes.map((node) => node.start()));
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (!failure) return;
    const taken = await Promise.all(nodes.map((node) => node.portWasTaken()));
    if (attempt === PORT_ATTEMPTS || !taken.includes(true)) throw failure.reason;
    await Promise.all(nodes.map((node) => node.kill()));
  }
}
