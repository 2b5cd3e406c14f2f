import { type Decision, requiresPosition, type Session } from '@node-replicated/core/adapter';
import { freshest, selectReplicas } from '@node-replicated/core/cluster';
import { hasReached } from './lsn.js';
import type { PgNode } from './node.js';
import type { PgCluster } from './pg-cluster.js';

/** Where a read goes that may see less than it should, and the decision that says so. */
interface StaleRead {
  readonly node: PgNode;
  readonly decision: Decision;
}

/**
 * Where the read of a pinned client goes when there is no primary for it and no replica that has replayed what the client
 * wrote: with `staleIfError` to the freshest replica.
 *
 * @param without nodes that have failed already
 * @returns undefined when it has to fail
 */
export function staleRead(
  cluster: PgCluster,
  decision: Decision,
  session: Session | undefined,
  without: ReadonlySet<PgNode> | undefined,
): StaleRead | undefined {
  if (!mayBeStale(cluster, decision)) return undefined;
  if (!cluster.readOnly && !cluster.isLeftBehind(decision.pinned)) return undefined;
  const able = selectReplicas(
    cluster.replicas,
    { maxLagMs: decision.rule?.maxLagMs, mustReach: false, without },
    hasReached,
  );
  const kept = session?.replicaOf(cluster.readers);
  // Of those that are equally fresh, the one that has served this request before.
  const [node] = freshest([...able.filter((one) => one === kept), ...able], hasReached);
  if (node === undefined) return undefined;
  cluster.seekPrimary();
  session?.keepReplica(cluster.readers, node);
  cluster.events.publish('stale-read', { cluster: cluster.name, node: node.name, request: session?.request });
  return { node, decision: { ...decision, role: 'replica', reason: 'stale' } };
}

/**
 * For how many ms a read waits for a node that can serve it. One that may be stale in the end does not wait again for
 * a primary that has been gone for that long already.
 */
export function waitMsOf(cluster: PgCluster, decision: Decision): number {
  const { waitMs } = cluster.settings;
  return mayBeStale(cluster, decision) ? Math.max(waitMs - cluster.goneMs, 0) : waitMs;
}

/** Only what the pin asks for is given up: whoever asks for the primary by name means it. */
function mayBeStale({ settings }: PgCluster, decision: Decision): boolean {
  return settings.staleIfError && (decision.reason === 'pin' || requiresPosition(decision));
}
