import { setTimeout as sleep } from 'node:timers/promises';
import { itemId } from './items-table.js';
import type { OverloadSide } from './overload-sides.js';

/** Sessions, each of which sends one request at a time and thinks in between. */
const readers = 100;
const writers = 8;
const thinkMs = 10;

/** What some time under load has shown; latencies in ms. */
export interface LoadFindings {
  readonly writes: readonly number[];
  readonly reads: readonly number[];
  /** Reads that were refused with ERR_OVERLOADED. */
  readonly refused: number;
  readonly failed: number;
}

/**
 * Puts a side under load.
 *
 * @param readSql what each read runs
 * @param ms for how long
 */
export async function runLoad(side: OverloadSide, readSql: string, ms: number): Promise<LoadFindings> {
  const found = { writes: [] as number[], reads: [] as number[], refused: 0, failed: 0 };
  const end = performance.now() + ms;
  const session = async (run: () => Promise<unknown>, latencies: number[]): Promise<void> => {
    await sleep(Math.random() * thinkMs);
    while (performance.now() < end) {
      const began = performance.now();
      try {
        await run();
        latencies.push(performance.now() - began);
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ERR_OVERLOADED') found.refused += 1;
        else found.failed += 1;
      }
      await sleep(2 * Math.random() * thinkMs);
    }
  };
  let turn = 0;
  const write = (): Promise<unknown> =>
    side.write(`UPDATE bench_items SET price = price + 1 WHERE id = ${itemId(turn++)}`);
  await Promise.all([
    ...Array.from({ length: readers }, () => session(() => side.read(readSql), found.reads)),
    ...Array.from({ length: writers }, () => session(write, found.writes)),
  ]);
  return found;
}
