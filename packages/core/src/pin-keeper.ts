import { badOption, requireSettings } from './bad-option.js';
import { publish } from './events.js';
import type { PinMark } from './pin-mark.js';
import type { PinStore } from './pin-store.js';
import { StoreCalls } from './store-calls.js';
import { StoreGap } from './store-gap.js';

/** Pins for clients that keep no cookies. */
export interface PinStoreOptions {
  /** Where pins are kept. */
  readonly store: PinStore;
  /**
   * Who sends a request: an API key, a user's number, a device. It is asked at a request's statements, until it has
   * an answer, so it may depend on what authentication has left on the request.
   *
   * @param request the web framework's own request
   * @returns undefined for nobody in particular: such a request has no stored pin
   */
  identify(request: object): string | undefined;
  /** For how many ms a request waits for the store. @default 500 */
  readonly timeoutMs?: number;
}

/** What is known of a client's pin. */
export interface KeptPin {
  readonly token: string | undefined;
  /** Whether the store could be asked. If not, the client may have written anything. */
  readonly sure: boolean;
  /** What the client may have written besides, as the store has forgotten it. */
  readonly forgotten: ReadonlyMap<string, PinMark> | undefined;
}

const known: ReadonlySet<string> = new Set<keyof PinStoreOptions>(['store', 'identify', 'timeoutMs']);
const retryMs = 1_000;

/** For how many tokens that the store did not take a process answers. */
const mostUnsent = 10_000;

/** Makes one token of two, so that nothing that either says is lost. */
export type UniteTokens = (stored: string, token: string) => string;

/** A token that the store has not taken yet. */
interface Unsent {
  readonly token: string;
  readonly ttlMs: number;
  readonly unite: UniteTokens;
  /** When it may be forgotten, on this process's own clock. */
  readonly until: number;
}

/**
 * A {@link PinStore} that may fail. A failure is never an error of the request: a client whose pin cannot be asked
 * for counts as pinned, and a token that cannot be stored is kept here until it can.
 */
export class PinKeeper {
  readonly identify: PinStoreOptions['identify'];
  readonly #store: StoreCalls;
  readonly #gap: StoreGap;
  readonly #unsent = new Map<string, Unsent>();
  #retry: NodeJS.Timeout | undefined;

  /**
   * @param maxAgeMs for how many ms a pin counts
   * @throws ERR_OPTION, naming the option
   */
  constructor(options: PinStoreOptions, maxAgeMs: number) {
    requireSettings('pinStore', options, known);
    const { store, timeoutMs = 500 } = options;
    if (typeof store?.get !== 'function' || typeof store.advance !== 'function') {
      throw badOption('pinStore.store', 'must have the methods get and advance');
    }
    if (typeof options.identify !== 'function') throw badOption('pinStore.identify', 'must be a function');
    if (typeof timeoutMs !== 'number' || !(timeoutMs > 0 && timeoutMs < 2 ** 31)) {
      throw badOption('pinStore.timeoutMs', 'must be a number of ms above zero');
    }
    this.identify = (request) => options.identify(request);
    this.#store = new StoreCalls(store, timeoutMs);
    this.#gap = new StoreGap(maxAgeMs);
  }

  /** Asks for a client's token. It never rejects. */
  async get(client: string): Promise<KeptPin> {
    try {
      const stored = storedToken(await this.#store.get(client));
      if (this.#gap.notice(this.#store.completeSince())) {
        reportFailure(
          'get',
          new Error('The pin store may lack pins: it has been away, or has forgotten some.'),
        );
      }
      const { open, marks } = this.#gap;
      return { token: this.#withUnsent(client, stored), sure: !open, forgotten: marks };
    } catch (error) {
      reportFailure('get', error);
      return { token: this.#unsent.get(client)?.token, sure: false, forgotten: undefined };
    }
  }

  /**
   * Moves a client's token forward, now or as soon as the store takes it. It never rejects.
   *
   * @param ttlMs after how many ms it may be forgotten
   */
  async advance(client: string, token: string, ttlMs: number, unite: UniteTokens): Promise<void> {
    const until = performance.now() + ttlMs;
    const following = { token: this.#withUnsent(client, token) ?? token, ttlMs, unite, until };
    try {
      await this.#send(client, following, (...given) => this.#store.advance(...given));
    } catch (error) {
      reportFailure('advance', error);
      this.#keep(client, following);
    }
  }

  async #send(client: string, sent: Unsent, advance: PinStore['advance']): Promise<void> {
    const { token, ttlMs, unite } = sent;
    const follow = (given: unknown): string => {
      const stored = storedToken(given);
      return stored === undefined ? token : unite(stored, token);
    };
    await advance(client, follow, ttlMs);
    // A later one may have been kept meanwhile.
    if (this.#unsent.get(client)?.token === token) this.#unsent.delete(client);
  }

  #keep(client: string, unsent: Unsent): void {
    this.#unsent.set(client, { ...unsent, token: this.#withUnsent(client, unsent.token) ?? unsent.token });
    if (this.#unsent.size > mostUnsent) this.#unsent.delete(this.#unsent.keys().next().value ?? client);
    this.#retryLater();
  }

  #retryLater(): void {
    this.#retry ??= setTimeout(() => void this.#sendAgain(), retryMs).unref();
  }

  /**
   * Sends what is kept, one after the other, and stops at the first that fails: it goes to the end, so that what the
   * store will never take keeps nothing else waiting.
   */
  async #sendAgain(): Promise<void> {
    for (const [client, unsent] of this.#unsent) {
      if (unsent.until <= performance.now()) this.#unsent.delete(client);
      else if (!(await this.#isTaken(client, unsent))) break;
    }
    this.#retry = undefined;
    if (this.#unsent.size > 0) this.#retryLater();
  }

  async #isTaken(client: string, unsent: Unsent): Promise<boolean> {
    try {
      await this.#send(client, unsent, (...given) => this.#store.advancePatiently(...given));
      return true;
    } catch {
      // It was reported when it failed first.
      const newest = this.#unsent.get(client) ?? unsent;
      this.#unsent.delete(client);
      this.#unsent.set(client, newest);
      return false;
    }
  }

  #withUnsent(client: string, token: string | undefined): string | undefined {
    const unsent = this.#unsent.get(client);
    if (unsent === undefined || token === undefined) return token ?? unsent?.token;
    return unsent.token === token ? token : unsent.unite(unsent.token, token);
  }
}

/** What a store has given back: some say null where there is nothing. */
function storedToken(given: unknown): string | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given === 'string') return given;
  throw new TypeError('The pin store gave something else than a token.');
}

function reportFailure(operation: 'get' | 'advance', error: unknown): void {
  publish('pin-store-failed', { operation, error: error instanceof Error ? error.message : String(error) });
}
