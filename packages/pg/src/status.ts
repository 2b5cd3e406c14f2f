import type {
  CountedEventName,
  NodeDescription,
  NodeFailure,
  NodeState,
} from '@node-replicated/core/cluster';
import { bytesBehind } from './lsn.js';
import type { PoolCounts } from './node-pools.js';
import type { PgCluster } from './pg-cluster.js';
import type { StatementCounts } from './statement-counts.js';

/** What `pool.status()` tells: plain JSON, without secrets. */
export interface PoolStatus {
  readonly name: string;
  /** Whether there is no primary just now. */
  readonly readOnly: boolean;
  /** The primary's name. */
  readonly primary: string | null;
  /** Nodes that all say they are the primary. */
  readonly splitBrain: readonly string[];
  /** Nodes that say they are a primary, on a timeline that a promotion has left behind: nothing is written there. */
  readonly fenced: readonly string[];
  readonly nodes: readonly NodeStatus[];
  /** How many statements have run since the pool was made, by the reason that they ran where they did. */
  readonly statements: Readonly<StatementCounts>;
  /** How often each event has happened since then; one that is missing has not. */
  readonly events: Readonly<Partial<Record<CountedEventName, number>>>;
  /** How discovery is getting on; null where the nodes were named. */
  readonly discovery: DiscoveryStatus | null;
}

export interface DiscoveryStatus {
  /** How many ms ago the nodes were found out the last time; null: never yet. */
  readonly foundMsAgo: number | null;
  /** Why the last look failed, so that the nodes are those that were known before. */
  readonly error: string | null;
}

export interface NodeStatus {
  readonly name: string;
  readonly role: 'primary' | 'replica' | 'unknown';
  readonly state: NodeState;
  /** How far behind the primary, in ms; null, as the rest, when it is not known, or the node is down. */
  readonly lagMs: number | null;
  /**
   * How many bytes of the primary's log it had not replayed, as its last probe and the primary's show; null as above,
   * and on another timeline than the primary.
   */
  readonly lagBytes: number | null;
  readonly roundTripMs: number | null;
  readonly timeline: number | null;
  readonly streaming: boolean | null;
  /** Why the last probe failed. */
  readonly error: string | null;
  /** The same in one word. */
  readonly failure: NodeFailure | null;
  /**
   * What to grant the pool's user, so that it can see on which timeline a replica is: without that, more reads go to
   * the primary than need to. null: all can be seen.
   */
  readonly hint: string | null;
  /**
   * Whether the node's readers proved to be read-only. Where they did not, because a pooler drops the setting,
   * reads on the primary count as writes unless their command says that they are not.
   */
  readonly provenReadOnly: boolean;
  readonly connections: { readonly reader: PoolCounts; readonly writer: PoolCounts };
}

/** A snapshot of a cluster. */
export function statusOf(cluster: PgCluster): PoolStatus {
  const { topology } = cluster;
  return {
    name: cluster.name,
    readOnly: cluster.readOnly,
    primary: topology.primary?.node ?? null,
    splitBrain: topology.splitBrain.map(({ node }) => node),
    fenced: topology.fenced.map(({ node }) => node),
    statements: { ...cluster.statements },
    events: cluster.events.counts,
    nodes: cluster.descriptions.map((seen) => {
      const node = cluster.nodes.get(seen.node);
      return {
        name: seen.node,
        role: seen.role,
        state: seen.state,
        lagMs: (seen.state === 'down' ? undefined : seen.lagMs) ?? null,
        lagBytes: lagBytes(seen, topology.primary) ?? null,
        roundTripMs: (seen.state === 'down' ? undefined : seen.roundTripMs) ?? null,
        timeline: seen.timeline ?? null,
        streaming: (seen.state === 'down' ? undefined : seen.streaming) ?? null,
        error: seen.error?.message ?? null,
        failure: seen.failure ?? null,
        hint: seen.hint ?? null,
        provenReadOnly: node?.provenReadOnly ?? true,
        connections: node?.connections ?? { reader: noConnections, writer: noConnections },
      };
    }),
    discovery: cluster.discovery?.status ?? null,
  };
}

function lagBytes(seen: NodeDescription, primary: NodeDescription | undefined): number | undefined {
  if (seen.state === 'down' || seen.position === undefined || primary?.position === undefined)
    return undefined;
  return bytesBehind(seen.position, primary.position);
}

const noConnections: PoolCounts = { total: 0, idle: 0, waiting: 0 };
