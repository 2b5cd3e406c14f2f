import { badOption } from './bad-option.js';

/**
 * Keeps the pins of clients that keep no cookies, under whatever `identify` calls them. What it keeps are signed
 * tokens: it need not understand them, and cannot change them.
 */
export interface PinStore {
  /** The token of a client, or undefined. */
  get(client: string): Promise<string | undefined>;
  /**
   * Moves a client's token forward, atomically: when another process has stored a token in the meantime, `advance`
   * is called again, with that one.
   *
   * @param advance the token that follows the one that is stored
   * @param ttlMs after how many ms the token may be forgotten
   */
  advance(client: string, advance: (stored: string | undefined) => string, ttlMs: number): Promise<void>;
  /**
   * Since when the store has kept all that it was given, in ms of `performance.now()`: later than before when a
   * server of it was started anew, or replaced by one that may know less. It is asked after each `get`, and covers
   * its answer. Absent: the store never forgets before its time.
   */
  completeSince?(): number;
}

/** A {@link PinStore} in this process's memory: for one process, or for tests. */
export class MemoryPinStore implements PinStore {
  readonly #tokens = new Map<string, { readonly token: string; readonly expiresAt: number }>();
  readonly #max: number;
  readonly #now: () => number;

  /**
   * @param options `max`: how many clients are kept, 100,000 if not said, of which the one that wrote the longest
   *   ago is forgotten first; `now`: the clock, in ms
   * @throws ERR_OPTION when `max` is not a whole number above zero
   */
  constructor({
    max = 100_000,
    now = Date.now,
  }: { readonly max?: number; readonly now?: () => number } = {}) {
    if (!Number.isInteger(max) || max < 1) throw badOption('max', 'must be a whole number above zero');
    this.#max = max;
    this.#now = now;
  }

  async get(client: string): Promise<string | undefined> {
    return this.#held(client);
  }

  async advance(
    client: string,
    advance: (stored: string | undefined) => string,
    ttlMs: number,
  ): Promise<void> {
    const token = advance(this.#held(client));
    this.#tokens.delete(client);
    this.#tokens.set(client, { token, expiresAt: this.#now() + ttlMs });
    if (this.#tokens.size > this.#max) this.#forgetOldest();
  }

  #held(client: string): string | undefined {
    const held = this.#tokens.get(client);
    if (held === undefined || held.expiresAt > this.#now()) return held?.token;
    this.#tokens.delete(client);
    return undefined;
  }

  #forgetOldest(): void {
    for (const client of this.#tokens.keys()) {
      this.#tokens.delete(client);
      return;
    }
  }
}
