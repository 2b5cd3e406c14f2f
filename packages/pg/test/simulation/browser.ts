import type { TokenFacts } from './pin-facts.js';
import type { Lineage, WebSide } from './web-process.js';

/** A client: it keeps the cookie of the response that arrived last. */
export class Browser {
  readonly name: string;
  #jar: TokenFacts | undefined;
  #expiresAt = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** What it sends now. */
  cookie(now: number): TokenFacts | undefined {
    return now < this.#expiresAt ? this.#jar : undefined;
  }

  keep(facts: TokenFacts, expiresAt: number): void {
    this.#jar = facts;
    this.#expiresAt = expiresAt;
  }
}

/** How long ago something was, by a clock that may have jumped since. */
export function ageOf(moment: number, now: number): number {
  return now - Math.min(moment, now);
}

/** What a token and those that a process has made beside it say together. */
export function knownOf(
  facts: TokenFacts | undefined,
  { maxAgeMs, lineages }: WebSide,
  now: number,
): Lineage | undefined {
  if (facts === undefined || ageOf(facts.movedAt, now) >= maxAgeMs) return undefined;
  const { bits, at, mark } = lineages.get(facts.token) ?? facts;
  // Where nobody knows a position, what was written counts from then on, and not from when somebody read.
  const counts = ageOf(facts.at > 0 ? facts.at : facts.movedAt, now) < maxAgeMs;
  return {
    bits: counts ? facts.bits | bits : 0,
    at: Math.max(facts.at, at),
    mark: longest(facts.mark, mark),
  };
}

/** Of two marks the one that holds the longer. */
export function longest(a: TokenFacts['mark'], b: TokenFacts['mark']): TokenFacts['mark'] {
  if (a === 'unknown' || b === 'unknown') return 'unknown';
  return a === 'position' || b === 'position' ? 'position' : 'seen';
}
