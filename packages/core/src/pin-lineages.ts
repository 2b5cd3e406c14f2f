import { hasReachedOf } from './cluster-registry.js';
import { type Pin, unitePins } from './pin.js';

/** What one client was given: a line of tokens, of which it may hold any. */
interface Lineage {
  /** The furthest of its pins. */
  pin: Pin;
}

const mostTries = 5;

/** How much later, in ms, a pin may be dated than it was made. A time in the future counts as now. */
const mostLater = 1_000;

/** How many tokens are remembered at least, and half of how many at most. */
const mostTokens = 5_000;

/**
 * Knows which tokens follow each other. Requests of one client that are under way at the same time bring the same
 * token and are answered with different ones, and the one that arrives last stays, whichever is the furthest. As
 * this process remembers whose they were, it goes by the furthest nevertheless.
 *
 * It is bounded: two generations of tokens, of which the older is dropped when the younger is full.
 */
export class PinLineages {
  #young = new Map<string, Lineage>();
  #old = new Map<string, Lineage>();
  #later = 0;

  /** The furthest pin that the holder of a token was given here; undefined when that is not known. */
  furthest(token: string): Pin | undefined {
    return this.#find(token)?.pin;
  }

  /**
   * Makes the token that follows others.
   *
   * @param held the tokens that came with the request, all of them genuine
   * @param pin the client's pin after the request
   * @param encode makes a pin's token
   */
  follow(held: readonly string[], pin: Pin, encode: (pin: Pin) => string): string {
    const known = held.map((token) => this.#find(token)).filter((lineage) => lineage !== undefined);
    const lineage = known[0] ?? { pin };
    for (const { pin: other } of known) lineage.pin = unitePins(other, lineage.pin, hasReachedOf);
    lineage.pin = unitePins(lineage.pin, pin, hasReachedOf);
    const token = this.#encodeOwn(lineage, encode);
    for (const each of [...held, token]) this.#remember(each, lineage);
    return token;
  }

  /**
   * Clients who wrote at the same moment may be given the same words, which would not tell whose they are: then a
   * pin is dated somewhat later. One that holds by time alone has no position to lose.
   */
  #encodeOwn(lineage: Lineage, encode: (pin: Pin) => string): string {
    let token = encode(lineage.pin);
    for (let tries = 0; tries < mostTries && this.#isOthers(token, lineage); tries += 1) {
      this.#later = (this.#later % mostLater) + 1;
      lineage.pin = dated(lineage.pin, this.#later);
      token = encode(lineage.pin);
    }
    return token;
  }

  #isOthers(token: string, lineage: Lineage): boolean {
    const named = [...lineage.pin.marks.values()].some((mark) => typeof mark === 'object');
    return named && (this.#find(token) ?? lineage) !== lineage;
  }

  #find(token: string): Lineage | undefined {
    return this.#young.get(token) ?? this.#old.get(token);
  }

  #remember(token: string, lineage: Lineage): void {
    if (this.#young.size >= mostTokens) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(token, lineage);
  }
}

/** A pin that says the same of a time that is so many ms later. */
function dated({ at, seenAt, marks }: Pin, later: number): Pin {
  return seenAt === undefined ? { at: at + later, marks } : { at, seenAt: seenAt + later, marks };
}
