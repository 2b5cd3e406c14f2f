import type { DelayBounds } from './lag-history.js';

/** A replica is asked a little before it is expected, so that one that has become faster is found out. */
const earliest = 7 / 8;

/** How long after an answer a replica is asked again, as a share of what it takes to replay. */
const shortestPause = 1 / 8;

/**
 * How long a replica takes to replay what the primary has: a guess that each look corrects as far as it must. It
 * decides whether asking is worth while, and never whether a replica has replayed something.
 */
export class ReplayDelay {
  #ms = 0;
  #learntAt = Number.NEGATIVE_INFINITY;

  /**
   * Corrects the guess.
   *
   * @param bounds what a look has shown
   * @param now ms of the monitor's clock
   */
  learn({ least, most }: DelayBounds, now: number): void {
    this.#ms = Math.max(least, Math.min(this.#ms, most));
    this.#learntAt = now;
  }

  /** Begins anew, as another primary does. */
  forget(): void {
    this.#ms = 0;
  }

  /**
   * Whether the replica may have replayed something by now that it had not when it was last looked at.
   *
   * @param ageMs how long ago the primary got there
   * @param now ms of the monitor's clock
   */
  isWorthALook(ageMs: number, now: number): boolean {
    return ageMs >= this.#ms * earliest && now - this.#learntAt >= this.#ms * shortestPause;
  }
}
