import { type Balanced, type Balancer, candidateAt } from './balanced.js';

/** The share with which a node begins. */
const leastShare = 0.1;

/** How many choices of a node that has just come back are made anew, at most. */
const mostTries = 3;

/**
 * A node that came back takes load gradually: it has its caches to fill. In its first moment it gets a tenth of what
 * would be its share, at the end of `ms` all of it, in between a part that grows evenly.
 */
export class SlowStart {
  readonly #ms: number;
  readonly #now: () => number;
  readonly #random: () => number;

  /** @param now ms of the clock that `backSince` was read from */
  constructor(ms: number, now: () => number, random: () => number) {
    this.#ms = ms;
    this.#now = now;
    this.#random = random;
  }

  /** Whether a node that was chosen takes the statement, by chance. */
  takes({ backSince }: Balanced): boolean {
    if (backSince === undefined) return true;
    const share = (this.#now() - backSince) / this.#ms;
    return share >= 1 || this.#random() < Math.max(share, leastShare);
  }

  /** A balancer whose choice is made anew when the node does not take the statement, unless it is the only one. */
  around(balance: Balancer): Balancer {
    return (candidates) => {
      let chosen = balance(candidates);
      for (let tries = 0; tries < mostTries && candidates.length > 1 && !this.takes(chosen); tries += 1) {
        chosen = this.#another(candidates, chosen);
      }
      return chosen;
    };
  }

  #another<T>(candidates: readonly T[], not: T): T {
    const index = Math.floor(this.#random() * candidates.length);
    const other = candidateAt(candidates, index);
    return other === not ? candidateAt(candidates, (index + 1) % candidates.length) : other;
  }
}
