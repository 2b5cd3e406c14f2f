import type { NodeDescription } from './node-description.js';

/** Who is who in a cluster, judged from the descriptions of all its nodes. */
export interface Topology {
  /** The one node that may be written to; undefined: the cluster is read-only. */
  readonly primary: NodeDescription | undefined;
  /** The replicas that may be read from. */
  readonly replicas: readonly NodeDescription[];
  /** The nodes that all say they are the primary of the newest timeline; empty when there is at most one. */
  readonly splitBrain: readonly NodeDescription[];
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
  const primaries = ours.filter(
    (node) => node.role === 'primary' && (node.timeline ?? timeline) === timeline,
  );
  return Object.freeze({
    primary: primaries.length === 1 ? primaries[0] : undefined,
    replicas: Object.freeze(ours.filter((node) => node.role === 'replica' && node.state === 'up')),
    splitBrain: Object.freeze(primaries.length > 1 ? primaries : []),
    systemIdentifier,
    identified: previous.identified || first !== undefined,
    timeline,
  });
}

function firstIdentifier(nodes: readonly NodeDescription[]): string | undefined {
  return nodes.find((node) => node.systemIdentifier !== undefined)?.systemIdentifier;
}

function identifierOfPrimary(nodes: readonly NodeDescription[]): string | undefined {
  return firstIdentifier(nodes.filter((node) => node.role === 'primary'));
}
