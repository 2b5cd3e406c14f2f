import { joinOf } from './cluster-registry.js';
import { movedLater, type Pin, unitePins } from './pin.js';

/** What one client was given: a line of tokens, of which it may hold any. */
interface Lineage {
  /** The furthest of its pins. */
  pin: Pin;
}

/** By how many ms tokens for the same moment differ at most, unless very many are needed. */
const usuallyApartMs = 16;

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
  /** Counts on, so that those who come at one moment do not all try the same. */
  #apart = 0;

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
    for (const { pin: other } of known) lineage.pin = unitePins(other, lineage.pin, joinOf);
    lineage.pin = unitePins(lineage.pin, pin, joinOf);
    const token = this.#encodeApart(lineage, encode);
    for (const each of [...held, token]) this.#remember(each, lineage);
    return token;
  }

  /**
   * A token that no other client holds. Those that wrote at one moment share the question for the position, and with
   * the same token they would be taken for each other ever after.
   */
  #encodeApart(lineage: Lineage, encode: (pin: Pin) => string): string {
    let token = encode(lineage.pin);
    for (let most = usuallyApartMs; (this.#find(token) ?? lineage) !== lineage; most *= 2) {
      this.#apart += 1;
      token = encode(movedLater(lineage.pin, 1 + (this.#apart % most)));
    }
    return token;
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
