import type { HasReached, Position } from '../position.js';

/** What a selection looks at of a replica. */
export interface Selectable {
  /** How far behind the primary it is, in ms; undefined when it is not known. */
  readonly lagMs: number | undefined;
  /** How far it has surely replayed; undefined when it is not known. */
  readonly replayed: Position | undefined;
}

/** What a read asks of a replica. */
export interface ReadNeed<R> {
  /** The longest lag that will do, in ms; undefined: any that the pool allows. */
  readonly maxLagMs?: number | undefined;
  /** What it has to have replayed; undefined: nothing. */
  readonly position?: Position | undefined;
  /** Whether the position must have been reached. If not, a replica that has not is better than none. */
  readonly mustReach: boolean;
  /** Replicas that have failed already. */
  readonly without?: ReadonlySet<R> | undefined;
}

/**
 * The replicas that may serve a read. One whose lag is not known yet serves a read that sets no limit of its own;
 * one of which it is not known how far it has replayed serves none that must see a position.
 *
 * @param replicas those that the pool reads from
 */
export function selectReplicas<R extends Selectable>(
  replicas: readonly R[],
  { maxLagMs, position, mustReach, without }: ReadNeed<R>,
  hasReached: HasReached,
): readonly R[] {
  const able =
    maxLagMs === undefined && without === undefined
      ? replicas
      : replicas.filter((replica) => without?.has(replica) !== true && isWithin(replica, maxLagMs));
  if (position === undefined) return able;
  const caughtUp = able.filter(({ replayed }) => replayed !== undefined && hasReached(replayed, position));
  return caughtUp.length > 0 || mustReach ? caughtUp : freshest(able, hasReached);
}

function isWithin({ lagMs }: Selectable, maxLagMs: number | undefined): boolean {
  return maxLagMs === undefined || (lagMs !== undefined && lagMs <= maxLagMs);
}

/** The replica that has replayed the most, where that is known of any. */
export function freshest<R extends Selectable>(replicas: readonly R[], hasReached: HasReached): readonly R[] {
  let best: R | undefined;
  for (const replica of replicas) {
    if (replica.replayed === undefined) continue;
    if (best?.replayed === undefined || !hasReached(best.replayed, replica.replayed)) best = replica;
  }
  return best === undefined ? replicas : [best];
}
