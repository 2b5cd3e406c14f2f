import type { HasReached, Position } from '../position.js';

interface Sample {
  readonly position: Position;
  /** The first moment at which the primary was seen here, in ms of the monitor's clock. */
  readonly since: number;
  /** The last such moment. */
  readonly until: number;
}

const mostSamples = 1_024;

/**
 * Remembers where the primary was when. A replica's lag is the time since the primary was last seen at or
 * before the position that the replica shows: no clock of another machine is read, and an idle primary shows
 * no lag. When the memory is full, every second of the older samples is dropped: the further back, the coarser.
 */
export class LagHistory {
  readonly #hasReached: HasReached;
  #samples: Sample[] = [];

  constructor(hasReached: HasReached) {
    this.#hasReached = hasReached;
  }

  /** Notes that the primary was seen at a position. */
  record(position: Position, at: number): void {
    const last = this.#samples.at(-1);
    const again = last?.position === position;
    if (again) this.#samples.pop();
    this.#samples.push({ position, since: again ? last.since : at, until: at });
    if (this.#samples.length > mostSamples) {
      const half = mostSamples / 2;
      this.#samples = this.#samples.filter((_, index) => index >= half || index % 2 === 0);
    }
  }

  /**
   * How far a replica is behind.
   *
   * @param replayed the replica's position
   * @param now ms of the monitor's clock
   * @returns ms, at least; undefined when the primary was never seen at all
   */
  lagOf(replayed: Position, now: number): number | undefined {
    const samples = this.#samples;
    let low = 0;
    let high = samples.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const sample = samples[middle];
      if (sample !== undefined && this.#hasReached(replayed, sample.position)) low = middle + 1;
      else high = middle;
    }
    if (low > 0 && low === samples.length) return 0;
    const reached = samples[low - 1];
    if (reached !== undefined) return now - reached.until;
    // A replica that is behind all that is remembered lags at least since the memory begins.
    const [first] = samples;
    return first === undefined ? undefined : now - first.since;
  }

  /** Forgets everything: another primary's history has begun. */
  clear(): void {
    this.#samples = [];
  }
}
