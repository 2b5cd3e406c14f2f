import type { PinStore } from './pin-store.js';

/** How often a silent store is looked at. */
const lookMs = 1_000;

/** So many failures, with no answer between them, are the store's, and not one call's. */
const outageFailures = 3;

/**
 * Calls a pin store, and waits for it in bounds. A store that is silent is left in peace: whoever calls learns that at
 * once, and does not wait in vain as those before. It is looked at once a second, and its first answer ends that.
 */
export class StoreCalls {
  readonly #store: PinStore;
  readonly #timeoutMs: number;
  #silent = false;
  #nextLook = 0;
  /** How many calls were answered: where one is late and others are not, the store is not silent. */
  #answers = 0;
  /** How many calls have failed since the last answer. */
  #failures = 0;
  #backSince = Number.NEGATIVE_INFINITY;

  /** @param timeoutMs for how many ms a call is waited for */
  constructor(store: PinStore, timeoutMs: number) {
    this.#store = store;
    this.#timeoutMs = timeoutMs;
  }

  /** It rejects with what the store does, or when there is no answer in time. */
  get(client: string): Promise<string | undefined> {
    return this.#call(() => this.#store.get(client));
  }

  /** It rejects as {@link StoreCalls.get} does. */
  advance(...given: Parameters<PinStore['advance']>): Promise<void> {
    return this.#call(() => this.#store.advance(...given));
  }

  /** As {@link StoreCalls.advance}, and it waits for a silent store too: for those whom nobody waits for. */
  advancePatiently(...given: Parameters<PinStore['advance']>): Promise<void> {
    return this.#inTime(() => this.#store.advance(...given));
  }

  /** Since when the store has everything, as far as it can tell. While it was away, other processes had to keep theirs. */
  completeSince(): number {
    return Math.max(this.#backSince, this.#store.completeSince?.() ?? Number.NEGATIVE_INFINITY);
  }

  async #call<T>(ask: () => Promise<T>): Promise<T> {
    if (!this.#silent) return this.#inTime(ask);
    const now = performance.now();
    if (now >= this.#nextLook) {
      this.#nextLook = now + lookMs;
      this.#inTime(ask).catch(() => undefined);
    }
    throw new Error('The pin store is silent; it is asked again every second.');
  }

  async #inTime<T>(ask: () => Promise<T>): Promise<T> {
    const { promise, end } = this.#limit();
    try {
      return await Promise.race([this.#heard(ask()), promise]);
    } catch (error) {
      this.#failures += 1;
      throw error;
    } finally {
      end();
    }
  }

  /** An answer counts also when it is late. */
  async #heard<T>(answering: Promise<T>): Promise<T> {
    const answer = await answering;
    if (this.#silent || this.#failures >= outageFailures) this.#backSince = performance.now();
    this.#answers += 1;
    this.#failures = 0;
    this.#silent = false;
    return answer;
  }

  #limit(): { readonly promise: Promise<never>; readonly end: () => void } {
    const before = this.#answers;
    let timer: NodeJS.Timeout | undefined;
    const promise = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        if (this.#answers === before) this.#fallSilent();
        reject(new Error(`No answer from the pin store within ${this.#timeoutMs} ms.`));
      }, this.#timeoutMs);
    });
    return { promise, end: () => clearTimeout(timer) };
  }

  #fallSilent(): void {
    if (this.#silent) return;
    this.#silent = true;
    this.#nextLook = performance.now() + lookMs;
  }
}
