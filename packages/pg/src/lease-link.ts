import type pg from 'pg';
import type { Checkout } from './checkout.js';
import { finishUse, whenQuiet } from './connection-use.js';
import type { PgNode } from './node.js';
import type { AnyResult, StatementCall } from './statement-call.js';

/** How long, in ms, a cursor or stream may go on after its client was released. */
const releaseGraceMs = 1_000;

/** A real connection in the hands of a lease. */
export class LeaseLink {
  readonly node: PgNode;
  readonly client: pg.PoolClient;
  readonly session: 'reader' | 'writer';
  /** Whether the node was the primary when the connection was taken. */
  readonly onPrimary: boolean;
  readonly #release: (error?: Error) => void;
  #quiet = true;
  #ownProtocol = false;
  #lost: Error | undefined;

  constructor({ node, client, release }: Checkout, session: 'reader' | 'writer') {
    this.node = node;
    this.client = client;
    this.session = session;
    this.onPrimary = session === 'writer' || node.isPrimary;
    this.#release = release;
    if (session === 'reader') node.busy += 1;
    client.on('drain', this.#onDrain);
    client.on('error', this.#onLost);
    client.on('end', this.#onEnd);
  }

  /** Why the connection can be used no more; undefined while it can. */
  get lost(): Error | undefined {
    return this.#lost;
  }

  /** Whether a transaction is open. Exact only while nothing is under way. */
  get inTransaction(): boolean {
    return this.client.getTransactionStatus() !== 'I';
  }

  /** Sends a statement, and calls back with its outcome. */
  send({ config, values }: StatementCall, done: (error: unknown, result?: AnyResult) => void): void {
    this.#quiet = false;
    try {
      this.client.query(config as string, values as unknown[], (error: unknown, result: AnyResult) =>
        done(error ?? undefined, result),
      );
    } catch (error) {
      done(error);
    }
  }

  /** Hands over a cursor, a stream or a COPY, which talks to the connection itself. */
  sendOwnProtocol({ config, callback }: StatementCall): void {
    this.#quiet = false;
    this.#ownProtocol = true;
    this.client.query(config as pg.Submittable & string, callback as never);
  }

  /** Waits until nothing is under way. */
  whenQuiet(): Promise<void> {
    if (this.#quiet || this.#lost !== undefined) return Promise.resolve();
    return new Promise((resolve) => whenQuiet(this.client, () => resolve()));
  }

  /**
   * Gives the connection back, once what is under way has ended.
   *
   * @param error closes the connection at once
   */
  async close(error: Error | undefined, onDirty: () => void): Promise<void> {
    if (error === undefined && this.#lost === undefined && !this.#quiet) await this.#untilQuietOrLate();
    this.client.removeListener('drain', this.#onDrain);
    this.client.removeListener('error', this.#onLost);
    this.client.removeListener('end', this.#onEnd);
    if (this.session === 'reader') this.node.busy -= 1;
    finishUse(this.client, this.#release, error ?? this.#lost, onDirty);
  }

  async #untilQuietOrLate(): Promise<void> {
    if (!this.#ownProtocol) return this.whenQuiet();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#lost = new Error('A cursor or stream was still open when its client was released.');
        resolve();
      }, releaseGraceMs);
    });
    await Promise.race([this.whenQuiet(), late]);
    clearTimeout(timer);
  }

  readonly #onDrain = (): void => {
    this.#quiet = true;
    this.#ownProtocol = false;
  };

  readonly #onLost = (error: Error): void => {
    this.#lost ??= error;
  };

  readonly #onEnd = (): void => {
    this.#lost ??= new Error('The connection ended.');
  };
}
