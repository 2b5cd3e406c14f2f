import type { TracedStatement } from './statement-trace.js';

/** The response header that tells who served each statement, also where there is no page to tell it. */
export const servedByHeader = 'x-served-by';

/** What the header says of one statement. */
export type ServedStatement = Omit<TracedStatement, 'sql'>;

export function writeServedBy(statements: readonly TracedStatement[]): string {
  return JSON.stringify(statements.map(({ sql: _, ...served }) => served));
}

/** @throws SyntaxError when the header is missing or holds something else */
export function readServedBy(header: string | null): readonly ServedStatement[] {
  return JSON.parse(header ?? '') as readonly ServedStatement[];
}
