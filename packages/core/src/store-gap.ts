import { currentPositions } from './cluster-registry.js';
import type { PinMark } from './pin-mark.js';
import type { Position } from './position.js';

/**
 * For how many ms after a store has been away, or has lost something, other processes may be on their way back to it,
 * with pins that it has not taken.
 */
const graceMs = 5_000;

/** After how many ms a cluster is asked again that could not tell where it is. */
const retryMs = 1_000;

/**
 * What a pin store may lack. It cannot be told who wrote it, but until when it was written: so for as long as
 * a pin counts, every client is taken for one that has written until then.
 */
export class StoreGap {
  readonly #maxAgeMs: number;
  #since = Number.NEGATIVE_INFINITY;
  #open = false;
  #marks: ReadonlyMap<string, PinMark> | undefined;
  /** From when on no pin counts any more that was forgotten. */
  #over = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param maxAgeMs for how many ms a pin counts */
  constructor(maxAgeMs: number) {
    this.#maxAgeMs = maxAgeMs;
  }

  /** Whether more may be missing at any moment, so that nothing but the primary will do. */
  get open(): boolean {
    return this.#open;
  }

  /** Up to where, by cluster, a client may have written without anybody's knowing. */
  get marks(): ReadonlyMap<string, PinMark> | undefined {
    if (this.#marks !== undefined && performance.now() >= this.#over) this.#marks = undefined;
    return this.#marks;
  }

  /**
   * Hears since when the store has kept everything, in ms of `performance.now()`.
   *
   * @returns whether that tells of a loss
   */
  notice(since: number): boolean {
    if (!(since > this.#since)) return false;
    this.#since = since;
    const now = performance.now();
    if (now - since >= this.#maxAgeMs) return false;
    this.#open = true;
    this.#closeIn(Math.max(0, since + graceMs - now));
    return true;
  }

  #closeIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#close(), ms).unref();
  }

  /** What was written by now is covered by where the primaries are now. */
  async #close(): Promise<void> {
    const since = this.#since;
    const over = performance.now() + this.#maxAgeMs;
    const positions = await currentPositions();
    // What was lost meanwhile has a later moment of its own.
    if (since !== this.#since) return;
    this.#marks = new Map([...positions].map(([name, position]) => [name, markOf(position)]));
    this.#over = over;
    this.#open = false;
    if ([...positions.values()].includes(undefined)) this.#closeIn(retryMs);
  }
}

function markOf(position: Position | undefined): PinMark {
  return position === undefined ? 'unknown' : { position, hold: 'seen' };
}
