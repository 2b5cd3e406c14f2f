import { oracle } from './oracle.js';
import { monotonic, pinnedForSeconds, released } from './routed-policy.js';
import type { Row } from './trial.js';

/** Something that a row of this library has to reach. */
export interface Goal {
  readonly policy: string;
  readonly goal: string;
  readonly value: number;
  readonly met: boolean;
  /** Whether a miss is a fault, as opposed to a price that is too high. */
  readonly isPromise: boolean;
}

const mostOfOracle = 1.1;
const mostExtra = 0.2;

/** Judges the rows of one scenario; those that are not there are not judged. */
export function judge(rows: readonly Row[]): readonly Goal[] {
  const own = [pinnedForSeconds, released, monotonic].map(({ name }) => name);
  return rows.flatMap((row) => {
    if (!own.includes(row.policy)) return [];
    const goals = [promise(row, 'stale reads', row.stale)];
    if (row.policy === monotonic.name) goals.push(promise(row, 'reads older than an earlier one', row.older));
    if (row.policy === released.name) goals.push(...prices(row, rows));
    return goals;
  });
}

function promise({ policy, reads }: Row, what: string, value: number): Goal {
  return { policy, goal: `no ${what}`, value, met: value === 0 && reads > 0, isPromise: true };
}

function prices(row: Row, rows: readonly Row[]): readonly Goal[] {
  const extra = extraPerRequest(row);
  const goals = [price(row, `at most ${mostExtra} more statements per request`, extra, extra <= mostExtra)];
  const limit = rows.find(({ policy }) => policy === oracle.name);
  if (limit !== undefined) {
    const ratio = shareOnPrimary(row) / shareOnPrimary(limit);
    const goal = `at most ${mostOfOracle} times the oracle's reads on the primary`;
    goals.push(price(row, goal, ratio, ratio <= mostOfOracle));
  }
  return goals;
}

function price({ policy }: Row, goal: string, value: number, met: boolean): Goal {
  return { policy, goal, value, met, isPromise: false };
}

export function shareOnPrimary({ onPrimary, reads }: Row): number {
  return onPrimary / reads;
}

export function extraPerRequest({ extra, reads, writes }: Row): number {
  return extra / (reads + writes);
}
