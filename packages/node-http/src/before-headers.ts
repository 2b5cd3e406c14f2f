import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';

/** What the responses of `node:http` and of `node:http2` have in common, as far as headers go. */
export interface ResponseHead {
  getHeader(name: string): OutgoingHttpHeader | undefined;
  writeHead(statusCode: number, statusMessage?: string, headers?: GivenHeaders): unknown;
}

/** The shapes in which `writeHead` takes headers: an object, a flat list of names and values, a list of pairs. */
type GivenHeaders = OutgoingHttpHeaders | OutgoingHttpHeader[];

/**
 * Acts once, at the last moment before the headers of a response leave. Every way out leads through `writeHead`:
 * `write`, `end`, `flushHeaders` and `pipe` call it themselves; informational (1xx) responses do not.
 *
 * @param res a response whose headers have not left yet
 * @param act returns a `Set-Cookie` value to add to those that the application sets, or undefined
 */
export function beforeHeaders(res: ResponseHead, act: () => string | undefined): void {
  const { writeHead } = res;
  let acted = false;
  let cookie: string | undefined;
  res.writeHead = function (statusCode: number, ...rest: unknown[]): unknown {
    if (!acted) {
      acted = true;
      cookie = act();
    }
    if (cookie === undefined) return Reflect.apply(writeHead, this, [statusCode, ...rest]);
    const message = typeof rest[0] === 'string' ? [rest[0]] : [];
    const given = (rest.find((part) => typeof part === 'object' && part !== null) ?? {}) as GivenHeaders;
    // Headers that are given here replace those set before, so the cookies have to be given here as well. Should
    // Node refuse these headers, nothing is lost: the next call brings the cookie again.
    return Reflect.apply(writeHead, this, [statusCode, ...message, withCookie(this, given, cookie)]);
  };
}

/** Keeps the shape of the headers: Node sends repeated names from lists alone. */
function withCookie(res: ResponseHead, given: GivenHeaders, cookie: string): GivenHeaders {
  if (!Array.isArray(given)) {
    const entries = Object.entries(given);
    const cookies = entries.filter(([name]) => isSetCookie(name)).map(([, value]) => value);
    const others = entries.filter(([name]) => !isSetCookie(name));
    return { ...Object.fromEntries(others), 'Set-Cookie': joined(res, cookies, cookie) };
  }
  const list = Array.isArray(given[0]) ? (given.flat() as OutgoingHttpHeader[]) : given;
  const nameAt = (index: number): unknown => list[index - (index % 2)];
  const cookies = list.filter((_, index) => index % 2 === 1 && isSetCookie(nameAt(index)));
  const others = list.filter((_, index) => !isSetCookie(nameAt(index)));
  return [...others, 'Set-Cookie', joined(res, cookies, cookie)];
}

function isSetCookie(name: unknown): boolean {
  return typeof name === 'string' && name.toLowerCase() === 'set-cookie';
}

/** Makes a list of its own, as the application may hold on to the one that it has set. */
function joined(
  res: ResponseHead,
  given: readonly (OutgoingHttpHeader | undefined)[],
  cookie: string,
): OutgoingHttpHeader {
  const theirs = given.length > 0 ? given : [res.getHeader('Set-Cookie')];
  const kept = theirs.flat().filter((value) => value !== undefined && value !== cookie);
  return kept.length === 0 ? cookie : [...kept.map(String), cookie];
}
