import type { Clock, Timer } from './clock.js';

/** How many a bulkhead lets in, and how many may wait in front of it for how long. */
export interface BulkheadLimits {
  readonly max: number;
  /** ms after which one who waits is refused. */
  readonly queueTimeoutMs: number;
  /** When so many wait, the next one is refused at once. */
  readonly maxQueue: number;
}

/** One who asks to be let in. It is told exactly one of the three. */
export interface Guest {
  /** It is in, until `leave()` is called for it. */
  enter(): void;
  /** Too many wait, or it has waited too long. */
  refuse(): void;
  /** Goes another way in place of waiting on, if there is one by now. @returns whether it has gone */
  goElsewhere?: (() => boolean) | undefined;
}

/**
 * Lets in a number at a time. Others wait in front of it, in order, in bounded number and for a bounded time, so
 * that a flood of them fills nothing else: M. Nygard, "Release It!", 2007, names the pattern after a ship's
 * watertight walls.
 */
export class Bulkhead {
  readonly #limits: BulkheadLimits;
  readonly #clock: Clock;
  /** Those who wait, first come first, each with the moment at which its patience ends. */
  readonly #waiting = new Map<Guest, number>();
  #inside = 0;
  #admitting = false;
  #timer: Timer | undefined;

  constructor(limits: BulkheadLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  ask(guest: Guest): void {
    const { max, queueTimeoutMs, maxQueue } = this.#limits;
    if (this.#inside < max && this.#waiting.size === 0) {
      this.#inside += 1;
      guest.enter();
    } else if (queueTimeoutMs === 0 || this.#waiting.size >= maxQueue) guest.refuse();
    else {
      this.#waiting.set(guest, this.#clock.now() + queueTimeoutMs);
      this.#watch();
    }
  }

  /** One who was inside has left. */
  leave(): void {
    this.#inside -= 1;
    // One who leaves at once leaves from within `enter()`: the loop that let it in goes on.
    if (this.#admitting) return;
    this.#admitting = true;
    for (const guest of this.#waiting.keys()) {
      if (this.#inside >= this.#limits.max) break;
      this.#waiting.delete(guest);
      this.#inside += 1;
      guest.enter();
    }
    this.#admitting = false;
    this.#watch();
  }

  /** Things have changed: those who wait look for another way. */
  reconsider(): void {
    for (const guest of [...this.#waiting.keys()]) {
      if (this.#waiting.has(guest) && guest.goElsewhere?.() === true) this.#waiting.delete(guest);
    }
    this.#watch();
  }

  /** All wait for the same time, so one timer, for the first of them, does for all. */
  #watch(): void {
    const [until] = this.#waiting.values();
    if (until === undefined) {
      this.#timer?.clear();
      this.#timer = undefined;
    } else this.#timer ??= this.#clock.after(Math.max(until - this.#clock.now(), 0), () => this.#expire());
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const [guest, until] of this.#waiting) {
      if (until > now) break;
      this.#waiting.delete(guest);
      guest.refuse();
    }
    this.#watch();
  }
}
