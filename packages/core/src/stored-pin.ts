import { badOption } from './bad-option.js';
import type { ReplicationConfig } from './options.js';
import { type Pin, pinUntil } from './pin.js';
import { readToken, uniteTokens } from './pin-carriers.js';
import type { PinKeeper } from './pin-keeper.js';
import { encodePin } from './pin-token.js';

/** The pin that is stored for a request's client. */
export class StoredPin {
  /** What is stored; undefined before it was asked for. */
  pin: Pin | undefined;
  /** Whether the store did not answer: the client may have written anything. */
  unsure = false;
  /** What the client may have written besides, and the store has forgotten: as a pin, which is never stored. */
  forgotten: Pin | undefined;
  readonly #keeper: PinKeeper;
  readonly #config: ReplicationConfig;
  readonly #request: object;
  #client: string | undefined;
  #loading: Promise<void> | undefined;

  /** @param request what the client is known by */
  constructor(keeper: PinKeeper, config: ReplicationConfig, request: object) {
    this.#keeper = keeper;
    this.#config = config;
    this.#request = request;
  }

  /**
   * Asks for the pin, once the client is known.
   *
   * @returns undefined when there is nothing to wait for; it rejects with what `identify` throws
   */
  load(): Promise<void> | undefined {
    if (this.#client === undefined) {
      try {
        const client = this.#identify();
        if (client !== undefined) this.#loading = this.#ask(client);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#loading;
  }

  /** Stores a pin for the client, if it is known by now. It never rejects. */
  async save(pin: Pin): Promise<void> {
    const client = this.#client;
    const { signer, pin: times } = this.#config;
    if (client === undefined || times === false) return;
    await this.#keeper.advance(client, encodePin(pin, signer), times.maxAgeMs, this.#unite);
  }

  readonly #unite = (stored: string, token: string): string => uniteTokens(stored, token, this.#config);

  async #ask(client: string): Promise<void> {
    const { token, sure, forgotten } = await this.#keeper.get(client);
    const now = this.#config.now();
    this.pin = token === undefined ? undefined : readToken(token, this.#config, now);
    this.unsure = !sure;
    this.forgotten = forgotten === undefined ? undefined : pinUntil(now, forgotten);
    this.#loading = undefined;
  }

  #identify(): string | undefined {
    if (this.#client === undefined) {
      const client = this.#keeper.identify(this.#request);
      if (typeof client !== 'string' && client !== undefined && client !== null)
        throw badOption('pinStore.identify', 'must return a string, or undefined');
      if (client) this.#client = client;
    }
    return this.#client;
  }
}
