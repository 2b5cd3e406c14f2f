import type { Side } from './slices.js';

export interface LoopOptions {
  /** How many operations are under way at any time. */
  readonly loops: number;
  /** One operation. Its argument counts up, so that operations can differ from one another. */
  readonly operate: (turn: number) => Promise<unknown>;
  /** Called after each slice, outside its time: throws when something is wrong. */
  readonly check?: () => void;
}

/** A side that repeats an operation in this very process, in several loops at once. */
export function loopSide({ loops, operate, check }: LoopOptions): Side {
  let turn = 0;
  return {
    async slice(ms) {
      const first = turn;
      const cpu = process.cpuUsage();
      const began = performance.now();
      const until = began + ms;
      const loop = async (): Promise<void> => {
        do {
          turn += 1;
          await operate(turn);
        } while (performance.now() < until);
      };
      await Promise.all(Array.from({ length: loops }, loop));
      const took = performance.now() - began;
      const { user, system } = process.cpuUsage(cpu);
      check?.();
      return { operations: turn - first, ms: took, cpuUs: user + system };
    },
  };
}
