/** What a server says to a statement of ours. */
export interface Row {
  readonly visible?: number;
  readonly server?: string;
  /** The timeline of its data, and whether another history has the same number. */
  readonly history?: number;
  readonly rival?: boolean;
}

/** The row of a result; empty where there is none. */
export function rowOf(result: unknown): Row {
  if (typeof result !== 'object' || result === null || !('rows' in result)) return {};
  return Array.isArray(result.rows) ? result.rows[0] : {};
}
