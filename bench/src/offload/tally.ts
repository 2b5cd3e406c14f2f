import type { Shown } from './policy.js';

/** Counts what visitors saw, from the moment it is started. */
export class Tally {
  readonly readMs: number[] = [];
  readonly postMs: number[] = [];
  stale = 0;
  older = 0;
  onPrimary = 0;
  #counts = false;

  /** What begins from now on counts. */
  start(): void {
    this.#counts = true;
  }

  get requests(): number {
    return this.readMs.length + this.postMs.length;
  }

  /** @returns a function to be called at the end of the read, with what was shown and what that should not miss */
  beginRead(): (shown: Shown, due: { readonly written: number; readonly seen: number }) => void {
    const counts = this.#counts;
    const began = performance.now();
    return ({ version, onPrimary, freeMs = 0 }, { written, seen }) => {
      if (!counts) return;
      this.readMs.push(performance.now() - began - freeMs);
      if (version < written) this.stale += 1;
      if (version < seen) this.older += 1;
      if (onPrimary) this.onPrimary += 1;
    };
  }

  /** @returns a function to be called at the end of the write */
  beginPost(): () => void {
    const counts = this.#counts;
    const began = performance.now();
    return () => {
      if (counts) this.postMs.push(performance.now() - began);
    };
  }
}
