import { setTimeout as sleep } from 'node:timers/promises';
import type { History } from '../history/history.js';

/** Measures for how long nobody's write was acknowledged, and which part of that no client could have avoided. */
export class WriteOutage {
  readonly #history: History;
  readonly #began = performance.now();
  #promotedAt: number | undefined;
  #over = false;

  /** @param isPromoted asks the servers themselves whether there is another primary */
  constructor(history: History, isPromoted: () => Promise<boolean>) {
    this.#history = history;
    void this.#watch(isPromoted);
  }

  /** The longest time without an acknowledged write, and how much of it came after a server was promoted. */
  stop(): { readonly from: number; readonly until: number; readonly beyondMs: number } {
    this.#over = true;
    const acknowledged = this.#history.operations
      .filter(({ kind, failure }) => kind === 'write' && failure === undefined)
      .map(({ end }) => end)
      .filter((end) => end > this.#began)
      .toSorted((a, b) => a - b);
    let [from, until] = [this.#began, this.#began];
    let before = this.#began;
    for (const end of acknowledged) {
      if (end - before > until - from) [from, until] = [before, end];
      before = end;
    }
    return { from, until, beyondMs: until - (this.#promotedAt ?? Number.NaN) };
  }

  async #watch(isPromoted: () => Promise<boolean>): Promise<void> {
    while (!this.#over && this.#promotedAt === undefined) {
      if (await isPromoted()) this.#promotedAt = performance.now();
      await sleep(20);
    }
  }
}
