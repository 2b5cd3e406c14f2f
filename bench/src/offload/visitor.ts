import { setTimeout as sleep } from 'node:timers/promises';
import { boardCount } from './boards.js';
import type { Browser } from './policy.js';
import { Schedule } from './schedule.js';
import type { Tally } from './tally.js';

/** The time, in ms, in which a browser follows the redirect after a write. */
const redirectMs = 2;

/** Someone who reads a board, thinks, and now and then posts to it, to be shown it at once. */
export class Visitor {
  readonly #board: number;
  readonly #schedule: Schedule;
  readonly #browser: Browser;
  readonly #tally: Tally;
  /** The version that the last acknowledged write made. */
  #written = 0;
  /** The newest version that was shown. */
  #seen = 0;

  constructor(number: number, browser: Browser, tally: Tally) {
    this.#board = (number % boardCount) + 1;
    this.#schedule = new Schedule(number);
    this.#browser = browser;
    this.#tally = tally;
  }

  /** @param leave ends the visit, which resolves when what is under way has ended */
  async stay(leave: AbortSignal): Promise<void> {
    while (!leave.aborted) {
      const { thinkMs, writes, reads } = this.#schedule.next();
      if (!(await pause(thinkMs, leave))) return;
      if (writes) {
        await this.#post();
        await sleep(redirectMs);
      }
      await Promise.all(Array.from({ length: reads }, () => this.#read()));
    }
  }

  async #post(): Promise<void> {
    const end = this.#tally.beginPost();
    this.#written = await this.#browser.post(this.#board);
    end();
  }

  async #read(): Promise<void> {
    // What is still under way now binds nobody.
    const due = { written: this.#written, seen: this.#seen };
    const end = this.#tally.beginRead();
    const shown = await this.#browser.read(this.#board);
    end(shown, due);
    this.#seen = Math.max(this.#seen, shown.version);
  }
}

/** @returns whether all of the time has passed */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}
