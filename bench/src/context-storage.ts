import { AsyncLocalStorage } from 'node:async_hooks';
import type { Side } from './slices.js';

/**
 * An `AsyncLocalStorage` that can be switched off again. Up to Node 22, one that is in use makes every promise and
 * timer of its process a little slower, on both sides of a pairing alike; so this price, which an application pays
 * once for all libraries that follow its requests, has a pairing of its own.
 */
export class ContextStorage {
  readonly #storage = new AsyncLocalStorage<object>();

  /** Runs a function in a context of its own, which switches the storage on. */
  run<T>(fn: () => T): T {
    return this.#storage.run({}, fn);
  }

  off(): void {
    this.#storage.disable();
  }

  /** A side after whose slices the storage is off. */
  during(side: Side): Side {
    return {
      slice: async (ms) => {
        try {
          return await side.slice(ms);
        } finally {
          this.off();
        }
      },
    };
  }
}
