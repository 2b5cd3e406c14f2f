import type pg from 'pg';

export type ClientClass = new (config?: pg.ClientConfig) => pg.Client;

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

const pooledClasses = new WeakMap<ClientClass, ClientClass>();

/**
 * The class of the clients of pools: one for each class beneath, so that all pools share what the engine learns of
 * it.
 *
 * @param Base `pg.Client`, or the application's own
 */
export function pooledClass(Base: ClientClass): ClientClass {
  const known = pooledClasses.get(Base);
  if (known !== undefined) return known;
  const made = makePooledClass(Base);
  pooledClasses.set(Base, made);
  return made;
}

function makePooledClass(Base: ClientClass): ClientClass {
  const Pooled = class extends Base implements PooledClient {
    [borrower]: Borrower | undefined;

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
