/**
 * What a {@link LocalClusterError} is about. Match on these words, never on messages.
 *
 * | code | meaning |
 * |---|---|
 * | `ERR_NO_POSTGRES` | no usable PostgreSQL programs were found |
 * | `ERR_CLUSTER_OPTIONS` | an option or an argument makes no sense |
 * | `ERR_CLUSTER_START` | a server program failed; the message ends with its log |
 * | `ERR_CLUSTER_STATE` | the node or the cluster is not in a state that allows the call |
 * | `ERR_CLUSTER_TIMEOUT` | a condition did not come true in time |
 */
export type LocalClusterErrorCode =
  | 'ERR_NO_POSTGRES'
  | 'ERR_CLUSTER_OPTIONS'
  | 'ERR_CLUSTER_START'
  | 'ERR_CLUSTER_STATE'
  | 'ERR_CLUSTER_TIMEOUT';

/** Every error this package raises itself. Errors of a query are those of `pg`, unchanged. */
export class LocalClusterError extends Error {
  /** The stable word for what went wrong. */
  readonly code: LocalClusterErrorCode;

  constructor(code: LocalClusterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LocalClusterError';
    this.code = code;
  }
}
