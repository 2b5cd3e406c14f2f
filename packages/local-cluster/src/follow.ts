import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { baseBackup } from './base-backup.js';
import { markStandby, writeOwned } from './data-folder.js';
import { hasDiverged } from './divergence.js';
import { LocalClusterError } from './errors.js';
import { inRecovery } from './replay.js';
import type { ServerNode } from './server-node.js';
import { streamsFrom, waitUntilStreaming } from './streaming.js';

const AS_IT_IS_LIMIT_MS = 20_000;

/** Makes a node a standby of another one: with the data it has if possible, else with a fresh copy. */
export async function follow(node: ServerNode, upstream: ServerNode): Promise<void> {
  checkUpstream(node, upstream);
  // A primary's orderly stop would write a last record that its new upstream can never have.
  const isStandby = node.responsive && (await node.session(inRecovery));
  await node.shutdown(isStandby ? 'fast' : 'immediate');
  node.streamFrom(upstream);
  await markStandby(node.dataFolder, node.runAs);
  if (await streamsAsItIs(node, upstream)) return;
  await node.kill();
  await rebuild(node, upstream);
  await node.start();
  await waitUntilStreaming(node);
}

function checkUpstream(node: ServerNode, upstream: ServerNode): void {
  if (dirname(upstream.dataFolder) !== dirname(node.dataFolder)) {
    throw new LocalClusterError('ERR_CLUSTER_OPTIONS', `${upstream.name} is a node of another cluster.`);
  }
  if (!upstream.responsive) {
    throw new LocalClusterError(
      'ERR_CLUSTER_STATE',
      `${upstream.name} cannot be followed: it is stopped or frozen.`,
    );
  }
  for (let above: ServerNode | undefined = upstream; above; above = above.upstream) {
    if (above !== node) continue;
    const message = `${node.name} cannot follow ${upstream.name}, which follows it: promote ${upstream.name} first.`;
    throw new LocalClusterError('ERR_CLUSTER_STATE', message);
  }
}

/** Starts the node as a standby and waits for the verdict: it streams, or its log says that it never will. */
async function streamsAsItIs(node: ServerNode, upstream: ServerNode): Promise<boolean> {
  const before = (await node.log()).length;
  let streams = false;
  try {
    await node.start();
    await node.wait(
      `to stream from ${upstream.name}`,
      async () => {
        streams = await streamsFrom(node, upstream);
        return streams || hasDiverged((await node.log()).slice(before));
      },
      AS_IT_IS_LIMIT_MS,
    );
  } catch (error) {
    // It may be unable to start with this history, or silent about it: a fresh copy cures both.
    node.signal.throwIfAborted();
    if (!(error instanceof LocalClusterError)) throw error;
  }
  return streams;
}

/** Replaces the node's data by the upstream's. Its own ALTER SYSTEM settings, such as a lag, stay. */
async function rebuild(node: ServerNode, upstream: ServerNode): Promise<void> {
  const { dataFolder, runAs: owner, signal } = node;
  const ownSettings = join(dataFolder, 'postgresql.auto.conf');
  const kept = await readFile(ownSettings, 'utf8');
  await rm(dataFolder, { recursive: true, force: true });
  await upstream.session((session) =>
    baseBackup(session, upstream.dataFolder, dataFolder, { owner, signal }),
  );
  await writeOwned(ownSettings, kept, owner);
  await markStandby(dataFolder, owner);
}
