import type { Clock, Timer } from './clock.js';

/** Those who wait for a cluster to change. Each asks a question again whenever something is seen anew. */
export class Waiters {
  readonly #clock: Clock;
  readonly #pauseMs: number;
  readonly #lookAround: () => void;
  readonly #asking = new Set<() => void>();
  #hurrying: Timer | undefined;
  #closed = false;

  /**
   * @param pauseMs between two looks around on their behalf
   * @param lookAround looks at all nodes, however long a pause they have before them
   */
  constructor(clock: Clock, pauseMs: number, lookAround: () => void) {
    this.#clock = clock;
    this.#pauseMs = pauseMs;
    this.#lookAround = lookAround;
  }

  /**
   * Waits until a question has an answer; the process is kept alive meanwhile.
   *
   * @param look asks the question: undefined means "not yet"
   * @param ms how long to wait
   * @returns the answer, or undefined when time is up or nobody is to wait any more
   */
  wait<T>(look: () => T | undefined, ms: number): Promise<T | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const finish = (answer: T | undefined): void => {
        timer.clear();
        this.#asking.delete(ask);
        resolve(answer);
      };
      const ask = (): void => {
        const answer = look();
        if (answer !== undefined || this.#closed) finish(answer);
      };
      const timer = this.#clock.after(ms, () => finish(look()), true);
      this.#asking.add(ask);
      this.#hurry();
    });
  }

  /** Something may have changed. */
  tell(): void {
    for (const ask of [...this.#asking]) ask();
  }

  /** Nobody waits any more. */
  close(): void {
    this.#closed = true;
    this.#hurrying?.clear();
    this.tell();
  }

  #hurry(): void {
    this.#hurrying ??= this.#clock.after(this.#pauseMs, () => {
      this.#hurrying = undefined;
      if (this.#asking.size === 0 || this.#closed) return;
      this.#lookAround();
      this.#hurry();
    });
  }
}
