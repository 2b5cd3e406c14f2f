import type { Position, Topology } from '@node-replicated/core/cluster';
import { parsePosition } from './lsn.js';

/**
 * Whether a position is proof of a promotion of which nothing has been seen here: it is of a newer timeline than all
 * nodes. A primary that was seen is then a former one, whatever it says itself. A position of another database system
 * proves nothing.
 *
 * @param position what a client's pin names, if anything: it is signed, so some process has seen it
 */
export function isOfUnheardPromotion(
  position: Position | undefined,
  { systemIdentifier, timeline }: Pick<Topology, 'systemIdentifier' | 'timeline'>,
): boolean {
  const named = position === undefined ? undefined : parsePosition(position);
  if (named === undefined || named.timeline <= timeline) return false;
  return String(named.systemIdentifier) === systemIdentifier;
}
