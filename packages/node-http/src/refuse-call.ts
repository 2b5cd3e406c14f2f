import { validateHeaderName, validateHeaderValue } from 'node:http';

/**
 * Refuses what Node is going to refuse of a call that makes the headers leave, while the caller is there to
 * catch it.
 *
 * @param way the method that is called: `writeHead`, `flushHeaders`, `write` or `end`
 * @param statusCode that of the response, where the call does not give one
 */
export function refuseBadHead(way: string, given: readonly unknown[], statusCode: number): void {
  const explicit = way === 'writeHead';
  const status = explicit ? given[0] : statusCode;
  const code = Number(status) | 0;
  if (code < 100 || code > 999) {
    throw Object.assign(new RangeError(`Invalid status code: ${String(status)}`), {
      code: 'ERR_HTTP_INVALID_STATUS_CODE',
    });
  }
  if (explicit) refuseBadHeaders(given.slice(1));
}

/** The same for what a call says of the body. */
export function refuseBadBody(way: string, [chunk]: readonly unknown[]): void {
  const hasChunk = way === 'write' || (way === 'end' && typeof chunk !== 'function' && Boolean(chunk));
  if (!hasChunk || typeof chunk === 'string' || chunk instanceof Uint8Array) return;
  throw Object.assign(
    new TypeError(`A chunk must be a string or a Uint8Array, not of type ${typeof chunk}.`),
    {
      code: chunk === null ? 'ERR_STREAM_NULL_VALUES' : 'ERR_INVALID_ARG_TYPE',
    },
  );
}

function refuseBadHeaders(rest: readonly unknown[]): void {
  const [message] = rest;
  if (typeof message === 'string') validateHeaderValue('status message', message);
  const headers = rest.find((part) => typeof part === 'object' && part !== null) ?? {};
  for (const [name, value] of Array.isArray(headers) ? pairsOf(headers) : Object.entries(headers)) {
    if (name === '') continue;
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
}

function pairsOf(list: readonly unknown[]): readonly (readonly [string, string])[] {
  const flat = Array.isArray(list[0]) ? list.flat() : list;
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[String(name), flat[index + 1] as string]] : []));
}
