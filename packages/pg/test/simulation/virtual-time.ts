import type { Clock, Timer } from '@node-replicated/core/cluster';

interface Due {
  readonly at: number;
  readonly order: number;
  fn: (() => void) | undefined;
  /** Whether nothing but the simulated world changes, so that nobody's promises have to be waited for. */
  readonly quiet: boolean;
}

/** Time that passes from one event to the next, and stands still while what an event set off is being done. */
export class VirtualTime implements Clock {
  readonly random: () => number;
  #now = 0;
  #order = 0;
  /** A binary heap: the next event is the first. */
  readonly #due: Due[] = [];

  constructor(random: () => number) {
    this.random = random;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): Timer {
    return this.#schedule(ms, fn, false);
  }

  /** As {@link VirtualTime.after}, for what happens inside of the simulated world. */
  afterQuietly(ms: number, fn: () => void): void {
    this.#schedule(ms, fn, true);
  }

  /** Lets time pass, with all that happens in it. */
  async passUntil(end: number): Promise<void> {
    await turn();
    for (let due = this.#due[0]; due !== undefined && due.at <= end; due = this.#due[0]) {
      this.#removeFirst();
      if (due.fn === undefined) continue;
      this.#now = due.at;
      due.fn();
      // Nobody does real input or output, so all ticks and promises have had their turn after this.
      if (!due.quiet) await turn();
    }
    this.#now = end;
  }

  #schedule(ms: number, fn: () => void, quiet: boolean): Timer {
    this.#order += 1;
    const due: Due = { at: this.#now + Math.max(0, ms), order: this.#order, fn, quiet };
    this.#insert(due);
    return {
      clear: () => {
        due.fn = undefined;
      },
    };
  }

  #insert(due: Due): void {
    const heap = this.#due;
    let index = heap.length;
    heap.push(due);
    while (index > 0) {
      const above = (index - 1) >>> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, due)) break;
      heap[index] = parent;
      heap[above] = due;
      index = above;
    }
  }

  #removeFirst(): void {
    const heap = this.#due;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let index = 0; ; ) {
      const left = 2 * index + 1;
      const [a, b] = [heap[left], heap[left + 1]];
      if (a === undefined) return;
      const [child, at] = b !== undefined && isBefore(b, a) ? [b, left + 1] : [a, left];
      if (isBefore(last, child)) return;
      heap[index] = child;
      heap[at] = last;
      index = at;
    }
  }
}

let turning: Promise<void> | undefined;

/** Ends when the event loop has turned: once for all schedules that wait for it, as each turn takes its time. */
function turn(): Promise<void> {
  turning ??= new Promise((resolve) => {
    setImmediate(() => {
      turning = undefined;
      resolve();
    });
  });
  return turning;
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
