import type pg from 'pg';
import { isServersAnswer } from './sqlstate.js';

/**
 * Ends the use of a checked-out connection, so that the next user finds it clean.
 *
 * `pg` reports an error before the server has said that it is ready again, so after one the connection is only
 * judged when it has nothing left to do. A connection whose statement was not answered is closed.
 *
 * @param onDirty called when a transaction was left open, which closes the connection too
 */
export function finishUse(
  client: pg.PoolClient,
  release: (error?: Error) => void,
  error: unknown,
  onDirty: () => void,
): void {
  if (error === undefined) giveBack(client, release, onDirty);
  else if (isServersAnswer(error))
    whenQuiet(client, (lost) => (lost ? release(lost) : giveBack(client, release, onDirty)));
  else release(error instanceof Error ? error : new Error(String(error)));
}

/**
 * Calls back once a connection has nothing left to do, or is gone.
 *
 * @param done gets the error when the connection is gone
 */
export function whenQuiet(client: pg.ClientBase, done: (lost?: Error) => void): void {
  const onDrain = (): void => finish();
  const onEnd = (): void => finish(new Error('The connection ended.'));
  const finish = (lost?: Error): void => {
    client.removeListener('drain', onDrain);
    client.removeListener('end', onEnd);
    done(lost);
  };
  client.once('drain', onDrain);
  client.once('end', onEnd);
}

/** Lets a connection keep the process alive, or not. `pg` has both methods; its types do not name them. */
export function setRef(client: pg.ClientBase, method: 'ref' | 'unref'): void {
  const fn: unknown = Reflect.get(client, method);
  if (typeof fn === 'function') fn.call(client);
}

function giveBack(client: pg.PoolClient, release: (error?: Error) => void, onDirty: () => void): void {
  if (client.getTransactionStatus() === 'I') {
    release();
    return;
  }
  onDirty();
  release(new Error('A transaction was left open, so its connection was closed.'));
}
