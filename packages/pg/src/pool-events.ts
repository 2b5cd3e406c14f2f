import type { EventEmitter } from 'node:events';
import type pg from 'pg';
import { callUser } from './connection-use.js';
import { lendTo } from './pooled-client.js';

/**
 * Emits on the pool what happens to the connections of its nodes, with pg-pool's arguments. An `error` that nobody
 * listens to does not end the process, since an idle connection that is lost is the monitor's business.
 */
export class PoolEvents {
  readonly #target: EventEmitter;

  constructor(target: EventEmitter) {
    this.#target = target;
  }

  connected(client: pg.PoolClient): void {
    if (this.#isHeard('connect')) this.#emit('connect', client);
  }

  acquired(client: pg.PoolClient): void {
    if (!this.#isHeard('acquire')) return;
    // Whoever listens to it may send statements, which the one who had the client last must not.
    lendTo(client, undefined);
    this.#emit('acquire', client);
  }

  released(error: Error | undefined, client: pg.PoolClient): void {
    if (this.#isHeard('release')) this.#emit('release', error, client);
  }

  removed(client: pg.PoolClient): void {
    if (this.#isHeard('remove')) this.#emit('remove', client);
  }

  lost(error: Error, client: pg.PoolClient): void {
    if (this.#isHeard('error')) this.#emit('error', error, client);
  }

  #isHeard(event: string): boolean {
    return this.#target.listenerCount(event) > 0;
  }

  #emit(event: string, ...args: readonly unknown[]): void {
    callUser(() => this.#target.emit(event, ...args));
  }
}
