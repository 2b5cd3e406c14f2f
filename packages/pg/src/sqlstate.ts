import pg from 'pg';

/**
 * What an error says about the statement, or about the server that was asked:
 * - `read-only`: it writes, and was rejected before it changed anything;
 * - `not-here`: a server in recovery cannot do this, and perhaps none can;
 * - `lost`: the connection, or the server, is gone;
 * - `unsent`: the connection was gone before the statement was sent;
 * - `conflict`: recovery on the replica got in the way;
 * - `statement`: the statement itself is at fault.
 */
export type Failure = 'read-only' | 'not-here' | 'lost' | 'unsent' | 'conflict' | 'statement';

/** SQLSTATE codes with a meaning of their own here (PostgreSQL documentation, Appendix A). */
const failures: ReadonlyMap<string, Failure> = new Map([
  ['25006', 'read-only'],
  ['0A000', 'not-here'],
  ['55000', 'not-here'],
  ['XX000', 'not-here'],
  ['40001', 'conflict'],
  ['40P01', 'conflict'],
  ['57P01', 'lost'],
  ['57P02', 'lost'],
  ['57P03', 'lost'],
  ['57P05', 'lost'],
]);

/** The words with which `pg` reports a connection that has ended: it gives them no code. */
const lostWords = /^Connection terminated/;
const unsentWords = /^Client (?:has encountered a connection error and|was closed and) is not queryable/;

/** Reads an error that a statement, or the attempt to connect for it, ended with. */
export function readFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return 'statement';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (error instanceof pg.DatabaseError)
    return failures.get(code) ?? (code.startsWith('08') ? 'lost' : 'statement');
  if ('syscall' in error || /^E[A-Z]+$/.test(code)) return 'lost';
  if (lostWords.test(error.message)) return 'lost';
  return unsentWords.test(error.message) ? 'unsent' : 'statement';
}

/** Whether the server has answered the statement, so that its connection goes on after this error. */
export function isServersAnswer(error: unknown): boolean {
  return error instanceof pg.DatabaseError && readFailure(error) !== 'lost';
}
