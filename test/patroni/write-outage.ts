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

  /** What was measured, in words. */
  stop(): string {
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
    const beyond = this.#promotedAt === undefined ? undefined : until - this.#promotedAt;
    return [
      `no write was acknowledged for ${Math.round(until - from)} ms`,
      beyond === undefined
        ? ''
        : `, the last ${Math.round(beyond)} ms of them after a server was seen to be promoted`,
    ].join('');
  }

  async #watch(isPromoted: () => Promise<boolean>): Promise<void> {
    while (!this.#over && this.#promotedAt === undefined) {
      if (await isPromoted()) this.#promotedAt = performance.now();
      await sleep(20);
    }
  }
}
