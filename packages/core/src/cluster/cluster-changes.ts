import type { ClusterEvents } from '../cluster-events.js';
import type { NodeDescription } from './node-description.js';
import type { Topology } from './topology.js';

/** Tells that a node is in another state, or another role. */
export function publishNodeChange(
  events: ClusterEvents,
  cluster: string,
  next: NodeDescription,
  previous: NodeDescription,
): void {
  if (next.state === previous.state && next.role === previous.role) return;
  const { node, role, error } = next;
  const [from, to] = [previous.state, next.state];
  events.publish('node-changed', { cluster, node, from, to, role, error: error?.message });
}

/** Tells that another node is the primary, that one was fenced, or that two say that they are. */
export function publishTopologyChange(
  events: ClusterEvents,
  cluster: string,
  { primary, splitBrain, fenced, timeline: newest }: Topology,
  before: Topology,
): void {
  if (primary?.node !== before.primary?.node) {
    events.publish('primary-changed', { cluster, from: before.primary?.node, to: primary?.node });
  }
  for (const { node, timeline } of fenced) {
    if (before.fenced.some((former) => former.node === node)) continue;
    events.publish('primary-fenced', { cluster, node, timeline, newest });
  }
  if (splitBrain.length > 0 && before.splitBrain.length === 0) {
    events.publish('split-brain', { cluster, nodes: splitBrain.map(({ node }) => node) });
  }
}
