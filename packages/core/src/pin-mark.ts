import type { JoinPositions, Position } from './position.js';

/**
 * What a pin knows of one cluster:
 * - a position: everything up to it has to be seen;
 * - `clock`: the engine gives no positions, so time stands in for one;
 * - `unknown`: a write may have happened later than any position that is known, so the pin holds its full time.
 */
export type PinMark = PositionMark | 'clock' | 'unknown';

/** A mark with a position. */
export interface PositionMark {
  readonly position: Position;
  /**
   * - undefined: written when the pin says, so that `forMs` counts;
   * - `seen`: read, or applied by a replica before the write returned: nothing but the position counts;
   * - `unknown`: as a mark that is `unknown`, and the position still counts when that is over.
   */
  readonly hold?: 'seen' | 'unknown';
}

/** How long pins hold, in ms. A pin itself holds no duration, so a changed setting takes effect at once. */
export interface PinTimes {
  readonly forMs: number;
  readonly maxAgeMs: number;
}

/** How a mark is written in a pin's text. */
export function markText(mark: PinMark): string {
  if (mark === 'clock') return '';
  if (mark === 'unknown') return '!';
  if (mark.hold === undefined) return mark.position;
  return (mark.hold === 'seen' ? '+' : '!') + mark.position;
}

/** A mark whose position is not behind another's, as far as the two can be compared. */
export function atLeast(mark: PinMark, held: PinMark | undefined, join: JoinPositions | undefined): PinMark {
  if (typeof mark !== 'object' || typeof held !== 'object') return mark;
  const position = join?.(held.position, mark.position) ?? mark.position;
  return position === mark.position ? mark : { ...mark, position };
}

/**
 * The mark that follows another. Time alone cannot stand for a position that it follows: that one may take any time to arrive.
 */
export function joined(held: PinMark | undefined, mark: PinMark): PinMark {
  if (held === undefined) return mark;
  const behindTime = mark === 'clock' && held !== 'clock';
  const afterTime = held === 'clock' && isSeen(mark);
  if (isUnknown(held) || isUnknown(mark) || behindTime || afterTime) return unknownFrom(held, mark);
  if (typeof mark !== 'object' || typeof held !== 'object') return mark;
  return isSeen(mark) && !isSeen(held) ? { position: mark.position } : mark;
}

function unknownFrom(held: PinMark, mark: PinMark): PinMark {
  const known = typeof mark === 'object' ? mark : held;
  return typeof known === 'object' ? { position: known.position, hold: 'unknown' } : 'unknown';
}

/** Whether a mark comes from nothing but reads, or from writes that count as such. */
export function isSeen(mark: PinMark): boolean {
  return typeof mark === 'object' && mark.hold === 'seen';
}

function isUnknown(mark: PinMark): boolean {
  return mark === 'unknown' || (typeof mark === 'object' && mark.hold === 'unknown');
}

/** For how many ms a pin without a position holds at least: with `forMs: 0` nothing else would hold it. */
const shortestClockMs = 5_000;

/** For how many ms after a write a mark keeps its client on the primary. */
export function holdMs(mark: PinMark, { forMs, maxAgeMs }: PinTimes): number {
  if (isUnknown(mark)) return maxAgeMs;
  if (mark === 'clock') return Math.max(forMs, shortestClockMs);
  return isSeen(mark) ? 0 : forMs;
}
