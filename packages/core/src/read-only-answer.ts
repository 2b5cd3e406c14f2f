import { isReadOnly, seekPrimaries } from './cluster-registry.js';
import type { Scope } from './scope.js';

/** An answer that refuses a request which could only fail: an RFC 9457 problem. */
export interface ReadOnlyAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Methods that ask for no change, whatever the settings say: RFC 9110, section 9.2.1. A browser asks with OPTIONS whether it may write. */
const harmless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

const body = JSON.stringify({
  type: 'about:blank',
  title: 'Service Unavailable',
  status: 503,
  detail: 'Nothing can be changed for the moment: it can only be read. Try again soon.',
});

const refusal: ReadOnlyAnswer = Object.freeze({
  status: 503,
  headers: Object.freeze({
    'Content-Type': 'application/problem+json',
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-store',
    'Retry-After': '1',
  }),
  body,
});

/**
 * What to answer a request at once, in place of its handler, because it would write while a cluster has no primary.
 *
 * @returns undefined when it may go on: it only reads, as far as its method, header, override and route say, or
 *   `refuseWritesWhenReadOnly` is not set, or every cluster has a primary
 */
export function readOnlyAnswer(scope: Scope): ReadOnlyAnswer | undefined {
  const { config, facts } = scope.session;
  if (config?.refuseWritesWhenReadOnly !== true || facts === undefined) return undefined;
  if (harmless.has(facts.method) || !isReadOnly()) return undefined;
  if (!scope.decide('main').writes) return undefined;
  seekPrimaries();
  return refusal;
}
