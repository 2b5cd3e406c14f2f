import { type CookieName, type Cookies, cookieNames, type TokenFacts } from './pin-facts.js';
import type { Lineage, WebSide } from './web-process.js';

/** A client: under each name it keeps the cookie that arrived last. */
export class Browser {
  readonly name: string;
  readonly #jar = new Map<CookieName, { readonly facts: TokenFacts; readonly expiresAt: number }>();

  constructor(name: string) {
    this.name = name;
  }

  /** What it sends now. */
  cookies(now: number): Cookies {
    return cookieNames.flatMap((name) => {
      const kept = this.#jar.get(name);
      return kept === undefined || now >= kept.expiresAt ? [] : [kept.facts];
    });
  }

  keep(facts: TokenFacts, expiresAt: number): void {
    this.#jar.set(facts.cookie, { facts, expiresAt });
  }
}

/** How long ago something was, by a clock that may have jumped since. */
export function ageOf(moment: number, now: number): number {
  return now - Math.min(moment, now);
}

/** The cookies that a process believes: it leaves out those that are too old. */
export function believed(cookies: Cookies, { maxAgeMs }: WebSide, now: number): Cookies {
  return cookies.filter(({ movedAt }) => ageOf(movedAt, now) < maxAgeMs);
}

/** What tokens that a client holds, and those that a process has made beside them, say together. */
export function knownOf(held: Cookies, web: WebSide, now: number): Lineage | undefined {
  return held.map((facts) => knownOfOne(facts, web, now)).reduce(joined, undefined);
}

function knownOfOne(facts: TokenFacts, { maxAgeMs, lineages }: WebSide, now: number): Lineage {
  const { bits, at, mark, history } = lineages.get(facts.token) ?? facts;
  // Where nobody knows a position, what was written counts from then on, and not from when somebody read.
  const counts = ageOf(facts.at > 0 ? facts.at : facts.movedAt, now) < maxAgeMs;
  return {
    bits: counts ? facts.bits | bits : 0,
    at: Math.max(facts.at, at),
    mark: longest(facts.mark, mark),
    history: Math.max(facts.history, history),
  };
}

/** What two say together. */
export function joined(a: Lineage | undefined, b: Lineage): Lineage {
  if (a === undefined) return b;
  return {
    bits: a.bits | b.bits,
    at: Math.max(a.at, b.at),
    mark: longest(a.mark, b.mark),
    history: Math.max(a.history, b.history),
  };
}

/** Of two marks the one that holds the longer. */
function longest(a: TokenFacts['mark'], b: TokenFacts['mark']): TokenFacts['mark'] {
  if (a === 'unknown' || b === 'unknown') return 'unknown';
  return a === 'position' || b === 'position' ? 'position' : 'seen';
}
