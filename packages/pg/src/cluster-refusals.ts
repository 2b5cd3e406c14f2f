import { ReplicationError } from '@node-replicated/core';
import { type Decision, requiresPosition } from '@node-replicated/core/adapter';
import type { NodeDescription, Position, Topology } from '@node-replicated/core/cluster';

/** What a refusal tells of a cluster. */
export interface RefusingCluster {
  readonly name: string;
  readonly settings: { readonly waitMs: number };
  readonly topology: Topology;
  readonly descriptions: readonly NodeDescription[];
  /** How discovery is getting on; undefined where the nodes were named. */
  readonly discovery: { readonly error: Error | undefined } | undefined;
  /** The replicas that may be read from just now. */
  readonly replicas: readonly unknown[];
  isLeftBehind(pinned: Position | undefined): boolean;
}

/**
 * The error of a write, or of a read that needs the primary, when there is none for its client.
 *
 * @param pinned the position that the client's pin names
 * @param cause what whoever tells it has met; without it, what is known of the nodes
 */
export function noPrimary(
  cluster: RefusingCluster,
  pinned: Position | undefined,
  cause: unknown = causeIn(cluster),
): ReplicationError {
  const { name, settings, topology } = cluster;
  const { splitBrain, timeline } = topology;
  if (splitBrain.length > 0) {
    const names = splitBrain.map(({ node }) => node).join(' and ');
    return new ReplicationError(
      'ERR_SPLIT_BRAIN',
      `${names} both say that they are the primary of cluster '${name}': nothing is written until one of them is stopped.`,
    );
  }
  const what = cluster.isLeftBehind(pinned)
    ? `This client has been served by a newer primary of cluster '${name}' than those of timeline ${timeline}, which was not found in ${settings.waitMs} ms`
    : `Cluster '${name}' has had no primary for ${settings.waitMs} ms`;
  return new ReplicationError('ERR_NO_PRIMARY', `${what}: ${reasonsIn(cluster)}`, { cause });
}

/** The error of a read that no node could serve. */
export function noReader(cluster: RefusingCluster, decision: Decision): ReplicationError {
  const others = cluster.replicas.length + cluster.topology.splitBrain.length;
  const primaryOnly =
    decision.role === 'primary' ||
    (requiresPosition(decision) && (others > 0 || cluster.isLeftBehind(decision.pinned)));
  if (primaryOnly) return noPrimary(cluster, decision.pinned);
  const message = `No node of cluster '${cluster.name}' can serve: ${reasonsIn(cluster)}`;
  return new ReplicationError('ERR_NO_NODE', message, { cause: causeIn(cluster) });
}

function causeIn({ descriptions, discovery }: RefusingCluster): Error | undefined {
  return descriptions.find(({ error }) => error !== undefined)?.error ?? discovery?.error;
}

function reasonsIn({ descriptions, discovery }: RefusingCluster): string {
  if (descriptions.length === 0) return discovery?.error?.message ?? 'none of its nodes is known yet.';
  return descriptions
    .map(({ node, state, role, error }) => {
      const reason = error?.message ?? (state === 'connecting' ? 'it has not answered yet' : role);
      return `${node} is ${state} (${reason})`;
    })
    .join('; ');
}
