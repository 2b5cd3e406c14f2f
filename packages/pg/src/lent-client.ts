import type { Scope } from '@node-replicated/core/adapter';
import type pg from 'pg';
import type { Checkout } from './checkout.js';
import { Lease } from './lease.js';
import { LeaseCalls } from './lease-calls.js';
import { isLent, lendTo } from './pooled-client.js';
import type { RunContext } from './run-context.js';

/**
 * Lends the writer's connection to the user of a checkout that is sure to write. The client is `pg`'s own: the
 * same for every checkout of its connection, and the one that the pool's events name. Its statements go through a
 * lease.
 */
export function lendWriter(
  context: RunContext,
  checkout: Checkout,
  scope: Scope | undefined,
  onClosed: () => void,
): pg.PoolClient {
  const { client } = checkout;
  const lease = new Lease(context, {
    onBind: () => lendTo(client, calls),
    // Whoever listens to `release` may still send statements.
    onUnbind: () => lendTo(client, undefined),
    onClosed: () => {
      // The lease is over, and its statements are refused, until the next one begins: perhaps it has already.
      if (!isLent(client)) lendTo(client, calls);
      calls.close();
      onClosed();
    },
  });
  const calls = new LeaseCalls(context, lease, scope);
  client.release = (error) => lease.release(error);
  lease.bindWriter(checkout);
  return client;
}
