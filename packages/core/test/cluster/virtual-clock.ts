import { setImmediate } from 'node:timers/promises';
import type { Clock, Timer } from '../../src/cluster/clock.js';

/** Lets everything happen that needs no time. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
}

/** Time that passes when the test says so. */
export class VirtualClock implements Clock {
  /** What chance gives: 0.5 is no jitter at all. */
  chance = 0.5;
  #now = 1_000_000;
  readonly #timers = new Map<object, { readonly at: number; readonly fn: () => void }>();

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.chance;
  }

  after(ms: number, fn: () => void): Timer {
    const timer = { clear: () => void this.#timers.delete(timer) };
    this.#timers.set(timer, { at: this.#now + ms, fn });
    return timer;
  }

  /** In how many ms the next timer fires; undefined when none is set. */
  get pause(): number | undefined {
    const times = [...this.#timers.values()].map(({ at }) => at - this.#now);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass, with all that happens in it. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (let due = this.#due(end); due !== undefined; due = this.#due(end)) {
      const [timer, { at, fn }] = due;
      this.#timers.delete(timer);
      this.#now = at;
      fn();
      await settled();
    }
    this.#now = end;
  }

  #due(end: number): readonly [object, { readonly at: number; readonly fn: () => void }] | undefined {
    return [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
  }
}
