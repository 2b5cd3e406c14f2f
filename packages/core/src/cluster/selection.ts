import type { NodeDescription } from './node-description.js';
import type { Topology } from './topology.js';

/** What a read asks of a replica. */
export interface ReadNeed {
  /** The longest lag that will do, in ms; undefined: any that the pool allows. */
  readonly maxLagMs?: number | undefined;
}

/**
 * The replicas that may serve a read.
 *
 * A replica whose lag is not known yet serves a read that sets no limit of its own.
 */
export function selectReplicas({ replicas }: Topology, { maxLagMs }: ReadNeed): readonly NodeDescription[] {
  if (maxLagMs === undefined) return replicas;
  return replicas.filter((replica) => replica.lagMs !== undefined && replica.lagMs <= maxLagMs);
}
