import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';

/** What the responses of `node:http` and of `node:http2` have in common, as far as headers go. */
export interface ResponseHead {
  getHeader(name: string): OutgoingHttpHeader | undefined;
  writeHead(statusCode: number, statusMessage?: string, headers?: GivenHeaders): unknown;
}

/** A header to add to a response, and what becomes of one of that name that the application sets. */
export interface AddedHeader {
  readonly name: string;
  readonly value: string;
  /** `beside`: both are sent; `instead`: this one is; `unless-set`: that one is. */
  readonly place: 'beside' | 'instead' | 'unless-set';
}

/** The shapes in which `writeHead` takes headers: an object, a flat list of names and values, a list of pairs. */
type GivenHeaders = OutgoingHttpHeaders | OutgoingHttpHeader[];

/**
 * Acts once, at the last moment before the headers of a response leave. Every way out leads through `writeHead`:
 * `write`, `end`, `flushHeaders` and `pipe` call it themselves; informational (1xx) responses do not.
 *
 * @param res a response whose headers have not left yet
 * @param act returns the headers to add
 */
export function beforeHeaders(res: ResponseHead, act: () => readonly AddedHeader[]): void {
  const { writeHead } = res;
  let added: readonly AddedHeader[] | undefined;
  res.writeHead = function (statusCode: number, ...rest: unknown[]): unknown {
    added ??= act();
    if (added.length === 0) return Reflect.apply(writeHead, this, [statusCode, ...rest]);
    const message = typeof rest[0] === 'string' ? [rest[0]] : [];
    const given = (rest.find((part) => typeof part === 'object' && part !== null) ?? {}) as GivenHeaders;
    // Headers that are given here replace those set before, so these have to be given here as well. Should Node
    // refuse the application's, nothing is lost: the next call brings these again.
    let headers = given;
    for (const header of added) headers = withHeader(this, headers, header);
    return Reflect.apply(writeHead, this, [statusCode, ...message, headers]);
  };
}

/** Keeps the shape of the headers: Node sends repeated names from lists alone. */
function withHeader(res: ResponseHead, given: GivenHeaders, header: AddedHeader): GivenHeaders {
  const isThis = (name: unknown): boolean =>
    typeof name === 'string' && name.toLowerCase() === header.name.toLowerCase();
  if (!Array.isArray(given)) {
    const entries = Object.entries(given);
    const theirs = entries.filter(([name]) => isThis(name)).map(([, value]) => value);
    const others = entries.filter(([name]) => !isThis(name));
    return {
      ...Object.fromEntries(others),
      ...Object.fromEntries([[header.name, placed(res, theirs, header)]]),
    };
  }
  const list = Array.isArray(given[0]) ? (given.flat() as OutgoingHttpHeader[]) : given;
  const nameAt = (index: number): unknown => list[index - (index % 2)];
  const theirs = list.filter((_, index) => index % 2 === 1 && isThis(nameAt(index)));
  const others = list.filter((_, index) => !isThis(nameAt(index)));
  return [...others, header.name, placed(res, theirs, header)];
}

/** Makes a list of its own, as the application may hold on to the one that it has set. */
function placed(
  res: ResponseHead,
  given: readonly (OutgoingHttpHeader | undefined)[],
  { name, value, place }: AddedHeader,
): OutgoingHttpHeader {
  if (place === 'instead') return value;
  const theirs = (given.length > 0 ? given : [res.getHeader(name)]).flat();
  const kept = theirs.filter((other) => other !== undefined && other !== value).map(String);
  if (kept.length === 0) return value;
  if (place === 'beside') return [...kept, value];
  return kept.length === 1 ? (kept[0] ?? value) : kept;
}
