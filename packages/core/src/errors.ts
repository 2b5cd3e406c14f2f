/**
 * Every code that this library's errors carry, with what it means. `docs/errors.md` documents each of them,
 * and a test holds the two against each other.
 */
export const errorCodes = {
  ERR_OPTION: 'An option, or an environment variable that stands for one, cannot be used.',
  ERR_OVERRIDE: 'A key or a value of the override map cannot be used, or two keys contradict each other.',
  ERR_SECRET: 'There is no secret to sign pins with, or it is too short.',
  ERR_ROLE: 'A role is neither primary, replica, master nor slave.',
  ERR_DECORATOR: 'A decorator stands on something that it cannot decorate.',
  ERR_DISCOVERY: 'The nodes of a cluster could not be found out.',
  ERR_NO_NODE: 'No node of the cluster can be reached.',
  ERR_NO_PRIMARY: 'The cluster has no primary that this process can reach and trust.',
  ERR_SPLIT_BRAIN: 'Two nodes say that they are the primary on the same timeline.',
  ERR_OVERLOADED: 'More reads want to run on the primary than it is meant to serve besides its writes.',
  ERR_NOT_PRIMARY: 'A connection that was opened for writing leads to a node that is not the primary.',
  ERR_WRITE_IN_REPLICA_SCOPE:
    'A statement that writes ran in a replica scope, where this is set to be an error.',
  ERR_OUTCOME_UNKNOWN:
    'The connection was lost while a write was under way: it may or may not have happened.',
} as const;

/** The codes of this library's errors. */
export type ErrorCode = keyof typeof errorCodes;

/** Codes that mean "try again soon" to an HTTP client. */
const unavailable: ReadonlySet<ErrorCode> = new Set([
  'ERR_NO_NODE',
  'ERR_NO_PRIMARY',
  'ERR_SPLIT_BRAIN',
  'ERR_OVERLOADED',
  'ERR_NOT_PRIMARY',
]);

/**
 * The one error class of this library. Match by {@link ReplicationError.code}: messages may change.
 * Messages never hold a password, a cookie or a parameter value.
 */
export class ReplicationError extends Error {
  override readonly name = 'ReplicationError';
  readonly code: ErrorCode;
  /** The HTTP status that Express and Fastify answer with when nobody handles the error; undefined: theirs. */
  declare readonly statusCode?: number;
  /** Headers for that answer, in the form that Express's final handler knows. */
  declare readonly headers?: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    if (unavailable.has(code)) {
      this.statusCode = 503;
      this.headers = { 'Retry-After': '1' };
    }
  }
}
