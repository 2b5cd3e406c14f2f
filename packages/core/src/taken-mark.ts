import type { Cluster } from './cluster-registry.js';
import { atLeast, type PinMark } from './pin-mark.js';
import type { Position } from './position.js';

/**
 * What a pin has to say of a cluster that a request wrote to, or read.
 *
 * @param position taken after all of that; undefined where it could not be had. What was done may then have reached
 *   anywhere, but the pin still names the history that it belongs to: a process that does not know it yet learns by that
 * @param hold that of a mark whose position is known
 * @param held the mark that came with the request: where it reaches further, its position is kept
 */
export function takenMark(
  cluster: Cluster,
  position: Position | undefined,
  hold: 'seen' | undefined,
  held: PinMark | undefined,
): PinMark {
  const { join } = cluster;
  const known = position ?? cluster.leastPosition;
  if (known === undefined) return 'unknown';
  if (position === undefined) return atLeast({ position: known, hold: 'unknown' }, held, join);
  return atLeast(hold === undefined ? { position } : { position, hold }, held, join);
}
