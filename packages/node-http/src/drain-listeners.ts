import type { EventEmitter } from 'node:events';
import { type Method, replaceMethod } from './replace-method.js';

const waysToListen = ['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const;
const waysToStop = ['off', 'removeListener'] as const;

interface Listening {
  readonly once: boolean;
  readonly listener: unknown;
  readonly register: () => unknown;
}

/**
 * Those who want to be told when a response can take more. They are kept until the response is let go, because
 * middleware such as `compression` makes them listen to a stream of its own, which knows nothing of a writer
 * that was told to wait before the stream began.
 */
export class DrainListeners {
  readonly #res: EventEmitter;
  #kept: Listening[] = [];
  #released = false;

  constructor(res: EventEmitter) {
    this.#res = res;
    for (const way of waysToListen) {
      replaceMethod(res, way, (original, given) => {
        if (!this.#keeps(given)) return Reflect.apply(original, res, given);
        this.#keep(original, given, way.toLowerCase().includes('once'));
        return res;
      });
    }
    for (const way of waysToStop) {
      replaceMethod(res, way, (original, given) =>
        this.#keeps(given) && this.#forget(given[1]) ? res : Reflect.apply(original, res, given),
      );
    }
  }

  /**
   * Lets everybody listen as he wanted to.
   *
   * @param goOn whether they were told to wait, and need not any longer
   */
  release(goOn: boolean): void {
    if (this.#released) return;
    this.#released = true;
    const kept = this.#kept;
    this.#kept = [];
    if (goOn) this.#res.emit('drain');
    for (const { once, register } of kept) if (!goOn || !once) register();
    if (!goOn) return;
    for (const { listener } of kept)
      if (typeof listener === 'function') Reflect.apply(listener, this.#res, []);
  }

  #keeps([event]: readonly unknown[]): boolean {
    return event === 'drain' && !this.#released;
  }

  #keep(original: Method, given: readonly unknown[], once: boolean): void {
    this.#kept.push({ once, listener: given[1], register: () => Reflect.apply(original, this.#res, given) });
  }

  #forget(listener: unknown): boolean {
    const index = this.#kept.findLastIndex((kept) => kept.listener === listener);
    if (index >= 0) this.#kept.splice(index, 1);
    return index >= 0;
  }
}
