import type { HasReached, Position } from '../position.js';

interface Sample {
  readonly position: Position;
  /** The first moment at which the primary was seen here, in ms of the monitor's clock. */
  readonly since: number;
  /** The last such moment. */
  readonly until: number;
}

const mostSamples = 1_024;

/** Of the older samples so many are kept that the time between two is no larger a share of their age than this. */
const coarsest = 1 / 16;

/** For how long a replica takes to get somewhere, in ms, as one look at it shows. */
export interface DelayBounds {
  /** What the primary had so long ago, the replica has not replayed. */
  readonly least: number;
  /** What the primary has had since so long ago, it has. */
  readonly most: number;
}

/**
 * Remembers where the primary was when. A replica's lag is the time since the primary was last seen at or
 * before the position that the replica shows: no clock of another machine is read, and an idle primary shows
 * no lag. When the memory is full, some of the older samples are dropped: the further back, the coarser.
 */
export class LagHistory {
  readonly #hasReached: HasReached;
  #samples: Sample[] = [];

  constructor(hasReached: HasReached) {
    this.#hasReached = hasReached;
  }

  /** When the primary was last seen, in ms of the monitor's clock; undefined before the first time. */
  get lastSeenAt(): number | undefined {
    return this.#samples.at(-1)?.until;
  }

  /** Notes that the primary was seen at a position. An answer that a later one has overtaken says nothing new. */
  record(position: Position, at: number): void {
    const last = this.#samples.at(-1);
    const again = last?.position === position;
    if (!again && last !== undefined && this.#hasReached(last.position, position)) return;
    if (again) this.#samples.pop();
    this.#samples.push({ position, since: again ? last.since : at, until: at });
    if (this.#samples.length > mostSamples) this.#samples = thin(this.#samples, at);
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
    const index = this.#countReached(replayed);
    if (index > 0 && index === samples.length) return 0;
    const reached = samples[index - 1];
    if (reached !== undefined) return now - reached.until;
    // A replica that is behind all that is remembered lags at least since the memory begins.
    const [first] = samples;
    return first === undefined ? undefined : now - first.since;
  }

  /**
   * How long it took a replica to get to where it is, and may take it to get further.
   *
   * @param replayed the replica's position, read at some moment between these two
   * @param asked when it was asked for, in ms of the monitor's clock
   * @param answered when it was there
   */
  delayOf(replayed: Position, asked: number, answered: number): DelayBounds {
    const index = this.#countReached(replayed);
    const reached = this.#samples[index - 1];
    const missing = this.#samples[index];
    return {
      least: missing === undefined ? 0 : Math.max(asked - missing.since, 0),
      most: reached === undefined ? Number.POSITIVE_INFINITY : answered - reached.since,
    };
  }

  /**
   * How long ago the primary got to a position, at most.
   *
   * @param now ms of the monitor's clock
   * @returns ms; infinity when it may have been there before it was first seen
   */
  ageOf(position: Position, now: number): number {
    const index = this.#count((sample) => !this.#hasReached(sample.position, position));
    const arrived = this.#samples[index];
    if (arrived?.position === position) return now - arrived.since;
    const before = this.#samples[index - 1];
    return before === undefined ? Number.POSITIVE_INFINITY : now - before.until;
  }

  /** Forgets everything: another primary's history has begun. */
  clear(): void {
    this.#samples = [];
  }

  /** How many samples a replica at a position has replayed. */
  #countReached(replayed: Position): number {
    return this.#count((sample) => this.#hasReached(replayed, sample.position));
  }

  /** How many samples there are before the first one to which something does not apply any more. */
  #count(applies: (sample: Sample) => boolean): number {
    let low = 0;
    let high = this.#samples.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const sample = this.#samples[middle];
      if (sample !== undefined && applies(sample)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Drops those of the older half whose neighbours are close to each other for their age. */
function thin(samples: readonly Sample[], now: number): Sample[] {
  const kept: Sample[] = [];
  for (const [index, sample] of samples.entries()) {
    const before = kept.at(-1);
    const after = samples[index + 1];
    const isDense =
      before !== undefined &&
      after !== undefined &&
      after.until - before.until <= (now - sample.until) * coarsest;
    if (index >= samples.length / 2 || !isDense) kept.push(sample);
  }
  return kept;
}
