/**
 * Something that is done once for all who ask at a time. Whoever asks while it is under way shares the next
 * round with all others, because the round under way may have looked before they asked.
 */
export class SharedTask<T> {
  readonly #run: () => Promise<T>;
  #running: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  /** @param run one round; it should not reject, as a rejection reaches everybody who shares it */
  constructor(run: () => Promise<T>) {
    this.#run = run;
  }

  /** The outcome of a round that begins after this call. */
  ask(): Promise<T> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#start();
    const begin = (): Promise<T> => {
      this.#next = undefined;
      return this.#start();
    };
    this.#next = this.#running.then(begin, begin);
    return this.#next;
  }

  #start(): Promise<T> {
    const running = this.#run().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
