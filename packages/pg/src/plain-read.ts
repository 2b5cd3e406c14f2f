import type pg from 'pg';
import type { AnyResult } from './statement-call.js';

/** Commands that cannot have written, even where the session was not read-only. */
const plainReads: ReadonlySet<string> = new Set(['SELECT', 'SHOW', 'FETCH']);

/**
 * Whether a statement on the primary's reader may have written after all. A proven session rejects writes, but a
 * text of several statements can switch that off for itself.
 */
export function mayHaveWritten(result: AnyResult, provenReadOnly: boolean): boolean {
  if (Array.isArray(result)) return result.some(({ command }) => !plainReads.has(command));
  return !provenReadOnly && !plainReads.has((result as pg.QueryResult).command);
}
