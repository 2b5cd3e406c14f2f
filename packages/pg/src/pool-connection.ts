import type { Clock, Timer } from '@node-replicated/core/cluster';
import type pg from 'pg';

/** Gives a connection back, once. With an error, it is closed instead. */
export type Release = (error?: Error) => void;

/** Who asks for a connection, and is told one of the two. */
export interface Taker {
  onTaken(client: pg.PoolClient, release: Release): void;
  onRefused(error: unknown): void;
}

/** `pg`'s client, with what its types do not name. */
interface SessionClient extends pg.PoolClient {
  readonly _queryable?: boolean;
  readonly _ending?: boolean;
}

/** What a connection tells its pool. */
export interface ConnectionHooks {
  onRelease(connection: PoolConnection, error: Error | undefined): void;
  onError(connection: PoolConnection, error: Error): void;
}

/** One connection of a pool, from before it is open until it is closed. */
export class PoolConnection {
  /** Whether somebody has it. */
  isLent = false;
  /** How often it has come back. */
  uses = 0;
  /** Since when it is idle, in ms of `performance.now()`. */
  idleSince = 0;
  readonly #client: SessionClient;
  readonly #hooks: ConnectionHooks;
  #wanted: Taker | undefined;
  #isExpired = false;
  #life: Timer | undefined;
  #patience: Timer | undefined;

  /** @param wanted gets it as soon as it is open */
  constructor(client: pg.Client, wanted: Taker, hooks: ConnectionHooks) {
    this.#client = Object.assign(client, { release: this.release });
    this.#hooks = hooks;
    this.#wanted = wanted;
    client.on('error', this.#onError);
  }

  get client(): pg.PoolClient {
    return this.#client;
  }

  /** Whether statements can be sent over it: its last user may have ended it, or the server. */
  get isUsable(): boolean {
    return this.#client._queryable === true && this.#client._ending !== true;
  }

  /** Whether it is older than it may be. */
  get isExpired(): boolean {
    return this.#isExpired;
  }

  /** Gives it back. */
  readonly release: Release = (error) => {
    if (!this.isLent)
      throw new Error('Release called on client which has already been released to the pool.');
    this.isLent = false;
    this.uses += 1;
    // Its user may have taken away all listeners, and an error that nobody hears ends the process.
    if (this.#client.listenerCount('error') === 0) this.#client.on('error', this.#onError);
    this.#hooks.onRelease(this, error);
  };

  /** Who wanted it: told once. @returns undefined when nobody does any more */
  takeWanted(): Taker | undefined {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    this.#patience?.clear();
    return wanted;
  }

  /**
   * Who wants it does so for so many ms more.
   *
   * @param onLate gets who did
   */
  limitPatience(ms: number, clock: Clock, onLate: (taker: Taker) => void): void {
    this.#patience = clock.after(ms, () => {
      const wanted = this.takeWanted();
      if (wanted !== undefined) onLate(wanted);
    });
  }

  /**
   * It may grow so many ms old.
   *
   * @param ms 0: as old as it likes
   * @param onExpired called when it is older
   */
  limitLife(ms: number, clock: Clock, onExpired: () => void): void {
    if (ms === 0) return;
    this.#life = clock.after(ms, () => {
      this.#isExpired = true;
      onExpired();
    });
  }

  /** It is closed, so its age does not matter any more. */
  unlimitLife(): void {
    this.#life?.clear();
  }

  readonly #onError = (error: Error): void => {
    this.#hooks.onError(this, error);
  };
}
