import type { NodeDescription } from './node-description.js';

/** Who is who in a cluster, judged from the descriptions of all its nodes. */
export interface Topology {
  /** The one node that may be written to; undefined: the cluster is read-only. */
  readonly primary: NodeDescription | undefined;
  /** The replicas that may be read from. One whose last probe failed is among them only if no node can stand in for it. */
  readonly replicas: readonly NodeDescription[];
  /** The nodes that all say they are the primary of the newest timeline; empty when there is at most one. */
  readonly splitBrain: readonly NodeDescription[];
  /** The nodes that say they are a primary, on a timeline that a promotion has left behind: nobody writes there. */
  readonly fenced: readonly NodeDescription[];
  /** Which data this is: the identifier of the first primary that was seen, or until then of the first replica. */
  readonly systemIdentifier: string | undefined;
  /** Whether a primary has said so: from then on it stays. */
  readonly identified: boolean;
  /** The highest timeline ever seen. */
  readonly timeline: number;
}

/** A cluster of which nothing has been seen. */
export const emptyTopology: Topology = Object.freeze({
  primary: undefined,
  replicas: [],
  splitBrain: [],
  fenced: [],
  systemIdentifier: undefined,
  identified: false,
  timeline: 0,
});

/**
 * Judges a cluster anew.
 *
 * The primary is the node that says it is one, holds the cluster's data, and is on the highest timeline ever
 * seen: a lower one is never returned to. Two of them on one timeline are a split brain, and neither counts.
 *
 * @param previous the last judgement: its identifier and its timeline are kept
 */
export function judgeTopology(previous: Topology, nodes: readonly NodeDescription[]): Topology {
  const answering = nodes.filter((node) => node.state === 'up' || node.state === 'lagging');
  const first = previous.identified ? undefined : identifierOfPrimary(answering);
  const systemIdentifier = first ?? previous.systemIdentifier ?? firstIdentifier(answering);
  // Timelines of other data say nothing.
  const highest = systemIdentifier === previous.systemIdentifier ? previous.timeline : 0;
  const ours = answering.filter(
    (node) => node.systemIdentifier === undefined || node.systemIdentifier === systemIdentifier,
  );
  const timeline = Math.max(highest, ...ours.map((node) => node.timeline ?? 0));
  const claimants = ours.filter((node) => node.role === 'primary');
  const primaries = claimants.filter((node) => (node.timeline ?? timeline) === timeline);
  const primary = primaries.length === 1 ? primaries[0] : undefined;
  return Object.freeze({
    primary,
    replicas: Object.freeze(readable(ours, primary)),
    splitBrain: Object.freeze(primaries.length > 1 ? primaries : []),
    fenced: Object.freeze(claimants.filter((node) => !primaries.includes(node))),
    systemIdentifier,
    identified: previous.identified || first !== undefined,
    timeline,
  });
}

function readable(
  nodes: readonly NodeDescription[],
  primary: NodeDescription | undefined,
): readonly NodeDescription[] {
  const replicas = nodes.filter((node) => node.role === 'replica' && node.state === 'up');
  const sure = replicas.filter((node) => node.failures === 0);
  return sure.length > 0 || primary?.failures === 0 ? sure : replicas;
}

function firstIdentifier(nodes: readonly NodeDescription[]): string | undefined {
  return nodes.find((node) => node.systemIdentifier !== undefined)?.systemIdentifier;
}

function identifierOfPrimary(nodes: readonly NodeDescription[]): string | undefined {
  return firstIdentifier(nodes.filter((node) => node.role === 'primary'));
}
