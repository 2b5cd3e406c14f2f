import type { EventEmitter } from 'node:events';
import type pg from 'pg';
import { lendTo } from './pooled-client.js';

const relayed: ReadonlySet<string | symbol> = new Set(['connect', 'acquire', 'release', 'remove']);

/**
 * Passes on what the pools of the nodes emit, with the same arguments. An event that nobody listens to is not
 * even heard, so it costs nothing; and an `error` that nobody listens to does not end the process, since an idle
 * connection that is lost is the monitor's business.
 */
export class PoolEvents {
  readonly #target: EventEmitter;
  readonly #sources = new Set<pg.Pool>();
  readonly #heard = new Map<string | symbol, (client: pg.PoolClient) => void>();

  constructor(target: EventEmitter) {
    this.#target = target;
    target.on('newListener', (event: string | symbol) => this.#hear(event));
  }

  /** Passes on what this pool emits from now on. */
  relay(source: pg.Pool): void {
    this.#sources.add(source);
    for (const [event, listener] of this.#heard) source.on(event as 'connect', listener);
    source.on('error', (error, client) => {
      if (this.#target.listenerCount('error') > 0) this.#target.emit('error', error, client);
    });
  }

  /** Forgets a pool that has ended. */
  forget(source: pg.Pool): void {
    this.#sources.delete(source);
  }

  #hear(event: string | symbol): void {
    if (!relayed.has(event) || this.#heard.has(event)) return;
    const listener = (...args: unknown[]): void => {
      this.#target.emit(event, ...args);
    };
    // Whoever listens to it may send statements, which the one who had the client last must not.
    const onAcquire = (client: pg.PoolClient): void => {
      lendTo(client, undefined);
      listener(client);
    };
    const relay = event === 'acquire' ? onAcquire : listener;
    this.#heard.set(event, relay);
    for (const source of this.#sources) source.on(event as 'connect', relay);
  }
}
