import type { NodeFailure } from '@node-replicated/core/cluster';

/** What a server's refusal of a connection means (PostgreSQL documentation, Appendix A). */
const refusals: ReadonlyMap<string, NodeFailure> = new Map([
  ['28000', 'rejected'],
  ['28P01', 'rejected'],
  ['3D000', 'rejected'],
  ['42501', 'rejected'],
  ['57P03', 'not-ready'],
  ['53300', 'full'],
]);

/** What the system says of a connection that does not come about. */
const absences: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTFOUND']);

/** Node's codes for a certificate that will not do, or for two sides that have no protocol in common. */
const tlsCodes =
  /^(?:ERR_TLS_|ERR_SSL_|CERT_|CRL_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)/;

/** The words of `pg`, which has no codes for them: no TLS on the server, no password here. */
const rejectionWords = /^(?:The server does not support SSL connections|SASL: )/;

/** What an error in connecting to a server, or in looking at it, says about the server. */
export function nodeFailure(error: unknown): NodeFailure {
  if (!(error instanceof Error)) return 'no-answer';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (absences.has(code)) return 'unreachable';
  if (tlsCodes.test(code) || rejectionWords.test(error.message)) return 'rejected';
  return refusals.get(code) ?? 'no-answer';
}

/** An error that says what happened: Node's own does not where a name has several addresses. */
export function plainError(error: unknown): unknown {
  if (!(error instanceof AggregateError) || error.message !== '') return error;
  const messages = error.errors.map((one: unknown) => (one instanceof Error ? one.message : String(one)));
  const plain = new Error([...new Set(messages)].join(', '), { cause: error });
  return Object.assign(plain, { code: 'code' in error ? error.code : undefined });
}
