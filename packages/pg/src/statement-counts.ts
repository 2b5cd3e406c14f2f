import type { Reason } from '@node-replicated/core';

/** How many statements have run, by the reason that they ran where they did. */
export type StatementCounts = Record<Reason, number>;

/** Counts that are all there from the start: one more statement is one addition. */
export function noStatements(): StatementCounts {
  return {
    forced: 0,
    header: 0,
    override: 0,
    pin: 0,
    'caught-up': 0,
    method: 0,
    operation: 0,
    job: 0,
    outside: 0,
    'own-write': 0,
    write: 0,
    'no-replica': 0,
    stale: 0,
  };
}
