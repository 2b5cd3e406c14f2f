import type { Socket } from 'node:net';
import type pg from 'pg';
import { sendTo } from './pooled-client.js';
import { isServersAnswer } from './sqlstate.js';
import type { AnyResult, StatementCall } from './statement-call.js';

/**
 * Sends a statement and calls back with its outcome, once: `pg` reports some errors again when the connection
 * that they happened on is closed because of them.
 */
export function sendStatement(
  client: pg.PoolClient,
  { config, values }: StatementCall,
  done: (error: unknown, result?: AnyResult) => void,
): void {
  let told = false;
  const tell = (error: unknown, result?: AnyResult): void => {
    if (told) return;
    told = true;
    done(error ?? undefined, result);
  };
  try {
    sendTo(client, config, values, tell);
  } catch (error) {
    tell(error);
  }
}

/**
 * Ends the use of a connection on which one statement has run, so that the next user finds it clean.
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
  else if (isServersAnswer(error)) {
    whenQuiet(client, (lost) => (lost ? release(lost) : giveBack(client, release, onDirty)));
  } else release(error instanceof Error ? error : new Error(String(error)));
}

/** Gives back a connection that has nothing left to do: inside an open transaction it is closed instead. */
export function giveBack(client: pg.PoolClient, release: (error?: Error) => void, onDirty: () => void): void {
  if (client.getTransactionStatus() === 'I') {
    release();
    return;
  }
  onDirty();
  release(new Error('A transaction was left open, so its connection was closed.'));
}

/**
 * Calls back once a connection that has something to do has nothing left to do, or is gone.
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

/** Closes a connection at once, whatever it is doing: its socket is destroyed, as pg-pool does it. */
export function destroyConnection(client: pg.ClientBase): void {
  const connection: { readonly stream?: Socket } | undefined = Reflect.get(client, 'connection');
  connection?.stream?.destroy();
}

/** Lets a connection keep the process alive, or not. `pg` has both methods; its types do not name them. */
export function setRef(client: pg.ClientBase, method: 'ref' | 'unref'): void {
  const fn: unknown = Reflect.get(client, method);
  if (typeof fn === 'function') fn.call(client);
}

/** Calls what a user gave us. What it throws is nobody's here, so it is thrown where `pg` throws it. */
export function callUser(fn: () => void): void {
  try {
    fn();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
