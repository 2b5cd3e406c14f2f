import type { Clock, Timer } from '@node-replicated/core/cluster';

/** One who waits. */
interface Waiter<T> {
  readonly who: T;
  /** The moment, in ms of the pool's clock, at which its patience ends; 0: never. */
  readonly until: number;
}

/** Those who wait for a connection, first come first. All have the same patience, so one timer does for all. */
export class WaitingLine<T> {
  readonly #patienceMs: number;
  readonly #clock: Clock;
  readonly #onLate: (who: T) => void;
  readonly #waiters: Waiter<T>[] = [];
  #timer: Timer | undefined;

  /**
   * @param patienceMs for how many ms one waits; 0: for ever
   * @param onLate gets one who has waited for longer, and does no more
   */
  constructor(patienceMs: number, clock: Clock, onLate: (who: T) => void) {
    this.#patienceMs = patienceMs;
    this.#clock = clock;
    this.#onLate = onLate;
  }

  get length(): number {
    return this.#waiters.length;
  }

  add(who: T): void {
    const until = this.#patienceMs === 0 ? 0 : this.#clock.now() + this.#patienceMs;
    this.#waiters.push({ who, until });
    this.#watch();
  }

  /** Takes whoever has waited for longest. */
  next(): Waiter<T> | undefined {
    return this.#waiters.shift();
  }

  /** Takes all. */
  clear(): readonly T[] {
    this.#timer?.clear();
    this.#timer = undefined;
    return this.#waiters.splice(0).map(({ who }) => who);
  }

  #watch(): void {
    const [first] = this.#waiters;
    if (first === undefined || this.#patienceMs === 0 || this.#timer !== undefined) return;
    this.#timer = this.#clock.after(Math.max(first.until - this.#clock.now(), 0), () => this.#expire());
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    let first = this.#waiters[0];
    while (first !== undefined && first.until <= now) {
      this.#waiters.shift();
      this.#onLate(first.who);
      first = this.#waiters[0];
    }
    this.#watch();
  }
}
