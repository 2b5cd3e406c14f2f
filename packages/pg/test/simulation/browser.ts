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

/** Whether what a token says still counts, by a process's clock. */
export function isAlive({ at, movedAt }: TokenFacts, now: number, maxAgeMs: number): boolean {
  return now - Math.min(at > 0 ? at : movedAt, now) < maxAgeMs;
}

/** What a token and those that a process has made beside it say together. */
export function knownOf(
  facts: TokenFacts | undefined,
  { maxAgeMs, lineages }: WebSide,
  now: number,
): Lineage | undefined {
  if (facts === undefined || !isAlive(facts, now, maxAgeMs)) return undefined;
  const beside = lineages.get(facts.token);
  if (beside === undefined) return { bits: facts.bits, at: facts.at, mark: facts.mark };
  const { bits, at, mark } = beside;
  return { bits: facts.bits | bits, at: Math.max(facts.at, at), mark: longest(facts.mark, mark) };
}

/** Of two marks the one that holds the longer. */
export function longest(a: TokenFacts['mark'], b: TokenFacts['mark']): TokenFacts['mark'] {
  if (a === 'unknown' || b === 'unknown') return 'unknown';
  return a === 'position' || b === 'position' ? 'position' : 'seen';
}
