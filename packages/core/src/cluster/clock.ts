/** A timer that was set and can be cleared. */
export interface Timer {
  clear(): void;
}

/** Time for everything that waits: a test or a simulation brings its own. */
export interface Clock {
  /** ms on a clock that never jumps. */
  now(): number;
  /** Calls a function after some ms. The timer does not keep the process alive. */
  after(ms: number, fn: () => void): Timer;
  /** A number from 0 to below 1, for jitter and for choices by chance. */
  random(): number;
}

/** The machine's own monotonic clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return { clear: () => clearTimeout(timer) };
  },
  random: Math.random,
};
