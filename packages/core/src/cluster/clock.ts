/** A timer that was set and can be cleared. */
export interface Timer {
  clear(): void;
}

/** Time for everything that waits: a test or a simulation brings its own. */
export interface Clock {
  /** ms on a clock that never jumps. */
  now(): number;
  /**
   * Calls a function after some ms.
   *
   * @param awaited whether somebody waits for it: then the timer keeps the process alive. @default false
   */
  after(ms: number, fn: () => void, awaited?: boolean): Timer;
  /** A number from 0 to below 1, for jitter and for choices by chance. */
  random(): number;
}

/**
 * The machine's own monotonic clock. A timer lets what has arrived by then be read first: when the process itself
 * was held up, an answer that is waiting in a socket is not late.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, fn, awaited = false) {
    let turn: NodeJS.Immediate | undefined;
    const timer = setTimeout(() => {
      turn = setImmediate(fn);
    }, ms);
    if (!awaited) timer.unref();
    return {
      clear: () => {
        clearTimeout(timer);
        clearImmediate(turn);
      },
    };
  },
  random: Math.random,
};
