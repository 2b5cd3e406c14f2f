import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import { isKept } from './lowest-layer.js';
import { replaceMethod } from './replace-method.js';

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

type HeadChange = (given: readonly unknown[]) => readonly unknown[];

const changes = new WeakMap<object, HeadChange[]>();

/**
 * Acts once, at the last moment before the headers of a response leave. Every way out leads through `writeHead`:
 * `write`, `end`, `flushHeaders` and `pipe` call it themselves; informational (1xx) responses do not.
 *
 * @param res a response whose headers have not left yet
 * @param act returns the headers to add
 */
export function beforeHeaders(res: ResponseHead, act: () => readonly AddedHeader[]): void {
  let added: readonly AddedHeader[] | undefined;
  const change = (given: readonly unknown[]): readonly unknown[] => {
    // Should Node refuse the application's headers, nothing is lost: the next call brings these again.
    added ??= act();
    return added.length === 0 ? given : withHeaders(res, given, added);
  };
  changes.set(res, [...(changes.get(res) ?? []), change]);
  // What is kept does not leave yet.
  replaceMethod(res, 'writeHead', (original, given) =>
    Reflect.apply(original, res, isKept(res) ? given : change(given)),
  );
}

/** What `writeHead` is to be given when what it was given, and was kept, leaves in the end. */
export function headToLeave(res: object, given: readonly unknown[]): readonly unknown[] {
  return (changes.get(res) ?? []).reduce((args, change) => change(args), given);
}

/**
 * Headers that are given to `writeHead` replace those set before, so these have to be given there as well.
 *
 * @param given what it is called with: a status, perhaps a message, and perhaps headers
 */
function withHeaders(
  res: ResponseHead,
  [statusCode, ...rest]: readonly unknown[],
  added: readonly AddedHeader[],
): readonly unknown[] {
  const message = typeof rest[0] === 'string' ? [rest[0]] : [];
  const given = (rest.find((part) => typeof part === 'object' && part !== null) ?? {}) as GivenHeaders;
  const headers = added.reduce((all, header) => withHeader(res, all, header), given);
  return [statusCode, ...message, headers];
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
