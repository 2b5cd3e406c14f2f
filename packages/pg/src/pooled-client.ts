import { runInScope } from '@node-replicated/core/adapter';
import type pg from 'pg';
import { plainError } from './node-failure.js';

export type ClientClass = new (config?: pg.ClientConfig) => pg.Client;

/** Who is asked before a new connection is opened, and told what came of it. */
export interface Doorkeeper {
  /** The error with which it has to fail without having been tried. */
  refusal(): Error | undefined;
  onTried(error: Error | undefined): void;
}

/** Who takes the statements that a client is given while it is lent. */
export interface Borrower {
  query(config: unknown, values: unknown, callback: unknown): unknown;
}

const send = Symbol('send');
const borrower = Symbol('borrower');

/** A connection of a pool. To the user of a checkout it is the client; what is below goes past that user. */
interface PooledClient {
  [send](config: unknown, values: unknown, callback: unknown): unknown;
  [borrower]: Borrower | undefined;
}

/**
 * The class of a pool's clients.
 *
 * It connects only if it may, and its socket belongs to no request: otherwise every event of the connection would
 * run in the scope of the request that happened to open it.
 *
 * @param Base `pg.Client`, or the application's own
 * @param onOpen called with each client that begins to connect
 */
export function pooledClass(
  Base: ClientClass,
  doorkeeper: Doorkeeper,
  onOpen: (client: pg.Client) => void,
): ClientClass {
  const Pooled = class extends Base implements PooledClient {
    [borrower]: Borrower | undefined;

    override connect(): Promise<pg.Client>;
    override connect(callback: (error: Error) => void): void;
    override connect(callback?: (error: Error) => void): Promise<pg.Client> | void {
      const refusal = doorkeeper.refusal();
      if (refusal === undefined) onOpen(this);
      return runInScope(undefined, () => {
        if (callback === undefined) return refusal === undefined ? this.#open() : Promise.reject(refusal);
        if (refusal !== undefined) return process.nextTick(callback, refusal);
        super.connect((error: Error | null) => {
          doorkeeper.onTried(error ?? undefined);
          Reflect.apply(callback, undefined, [plainError(error)]);
        });
      });
    }

    async #open(): Promise<pg.Client> {
      const [outcome] = await Promise.allSettled([super.connect()]);
      doorkeeper.onTried(outcome.status === 'rejected' ? outcome.reason : undefined);
      if (outcome.status === 'rejected') throw plainError(outcome.reason);
      return this;
    }

    [send](config: unknown, values: unknown, callback: unknown): unknown {
      return super.query(config as never, values as never, callback as never);
    }
  };
  // As a method of the class it would have to repeat all of `pg`'s overloads.
  Object.defineProperty(Pooled.prototype, 'query', {
    configurable: true,
    writable: true,
    value(this: PooledClient, config: unknown, values: unknown, callback: unknown): unknown {
      const lent = this[borrower];
      return lent === undefined ? this[send](config, values, callback) : lent.query(config, values, callback);
    },
  });
  // Some libraries ask for the name of a client's class.
  Object.defineProperty(Pooled, 'name', { value: Base.name });
  return Pooled;
}

/** Sends a statement to the connection itself, whoever has borrowed it. */
export function sendTo(client: pg.ClientBase, config: unknown, values: unknown, callback: unknown): unknown {
  if (isPooled(client)) return client[send](config, values, callback);
  // An application's own class may make objects that are none of ours.
  return client.query(config as never, values as never, callback as never);
}

/**
 * Says who takes the statements that the client is given from now on.
 *
 * @param to undefined: the connection itself
 */
export function lendTo(client: pg.ClientBase, to: Borrower | undefined): void {
  if (isPooled(client)) client[borrower] = to;
}

/** Whether somebody takes the statements that the client is given. */
export function isLent(client: pg.ClientBase): boolean {
  return isPooled(client) && client[borrower] !== undefined;
}

function isPooled(client: object): client is PooledClient {
  return send in client;
}
