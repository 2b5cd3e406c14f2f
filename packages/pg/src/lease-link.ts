import type pg from 'pg';
import type { Checkout } from './checkout.js';
import { destroyConnection, giveBack, sendStatement, whenQuiet } from './connection-use.js';
import type { PgNode } from './node.js';
import { sendTo } from './pooled-client.js';
import { isServersAnswer } from './sqlstate.js';
import type { AnyResult, StatementCall } from './statement-call.js';

/** How long, in ms, a cursor or stream may go on after its client was released. */
const releaseGraceMs = 1_000;

/** How a statement ended: with a result, or without. */
export interface StatementOutcome {
  readonly error?: unknown;
  readonly result?: AnyResult;
}

/** A real connection in the hands of a lease, or of whoever else sends it several statements. */
export class LeaseLink {
  readonly node: PgNode;
  readonly client: pg.PoolClient;
  readonly session: 'reader' | 'writer';
  /** Whether the node was the primary when the connection was taken. */
  readonly onPrimary: boolean;
  readonly #release: (error?: Error) => void;
  #quiet = true;
  /** Statements that the server has not answered yet. */
  #unanswered = 0;
  #ownProtocol = false;
  /** Whether somebody was told that a statement took too long, and the server still works on it. */
  #overdue = false;
  #lost: Error | undefined;
  #spoilt: Error | undefined;

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

  /** Whether all that was sent has been answered, so that nothing can still take effect. */
  get answered(): boolean {
    return this.#unanswered === 0 && !this.#ownProtocol;
  }

  /** Whether nothing is under way, or nothing ever will be. */
  get quiet(): boolean {
    return this.#quiet || this.#lost !== undefined;
  }

  /** Whether a transaction is open. Exact only while nothing is under way. */
  get inTransaction(): boolean {
    return this.client.getTransactionStatus() !== 'I';
  }

  /** Sends a statement, and calls back once with its outcome. */
  send(call: StatementCall, done: (error: unknown, result?: AnyResult) => void): void {
    this.#quiet = false;
    this.#unanswered += 1;
    sendStatement(this.client, call, (error, result) => {
      if (error === undefined || isServersAnswer(error)) this.#unanswered -= 1;
      else this.#overdue = true;
      // `pg` tells of an error before the server is ready again, and of a result after it.
      if (error === undefined && this.answered) this.#quiet = true;
      done(error, result);
    });
  }

  /** Sends a statement, and waits for its outcome. It never rejects. */
  ask(call: StatementCall): Promise<StatementOutcome> {
    return new Promise((resolve) => {
      this.send(call, (error, result) => resolve(result === undefined ? { error } : { error, result }));
    });
  }

  /** Hands over a cursor, a stream or a COPY, which talks to the connection itself. */
  sendOwnProtocol({ config, callback }: StatementCall): void {
    this.#quiet = false;
    this.#ownProtocol = true;
    this.node.streaming.add(this.client);
    sendTo(this.client, config, undefined, callback);
  }

  /** Waits until nothing is under way, or the connection is gone. */
  whenQuiet(): Promise<void> {
    if (this.quiet) return Promise.resolve();
    return new Promise((resolve) => whenQuiet(this.client, () => resolve()));
  }

  /** Cuts the connection, whatever is under way. */
  abandon(error: Error): void {
    this.#lost ??= error;
    destroyConnection(this.client);
  }

  /** Nobody else must get the connection's session: it is closed in place of being given back. */
  spoil(reason: Error): void {
    this.#spoilt = reason;
  }

  /**
   * The user has released the client: nobody waits any more for a statement that was overdue, and a cursor or stream
   * that is still open gets a moment to end by itself.
   */
  expectEnd(): void {
    if (this.#overdue) this.abandon(new Error('A statement was unanswered when its client was released.'));
    if (!this.#ownProtocol) return;
    const late = new Error('A cursor or stream was still open when its client was released.');
    const timer = setTimeout(() => this.abandon(late), releaseGraceMs);
    void this.whenQuiet().then(() => clearTimeout(timer));
  }

  /**
   * Gives the connection back. Nothing may be under way, unless there is an error.
   *
   * @param error closes it instead
   * @param onDirty called when a transaction was left open, which closes it too
   */
  close(error: Error | undefined, onDirty: () => void): void {
    this.client.removeListener('drain', this.#onDrain);
    this.client.removeListener('error', this.#onLost);
    this.client.removeListener('end', this.#onEnd);
    if (this.session === 'reader') this.node.busy -= 1;
    const closing = error ?? this.#lost ?? this.#spoilt;
    if (closing === undefined) giveBack(this.client, this.#release, onDirty);
    else this.#release(closing);
  }

  readonly #onDrain = (): void => {
    this.#quiet = true;
    this.#unanswered = 0;
    this.#ownProtocol = false;
    this.#overdue = false;
    this.node.streaming.delete(this.client);
  };

  readonly #onLost = (error: Error): void => {
    this.#lost ??= error;
  };

  readonly #onEnd = (): void => {
    this.#lost ??= new Error('The connection ended.');
  };
}
