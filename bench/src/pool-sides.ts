import { AsyncLocalStorage } from 'node:async_hooks';
import type { Scope } from '@node-replicated/core/adapter';
import type pg from 'pg';
import { loopSide } from './loops.js';
import { concurrency, openBare, openRouted, type Server } from './open-pools.js';
import {
  askPort,
  askPortInRequest,
  requireNoDetours,
  requireServers,
  requireUse,
  requireWriter,
} from './routing-check.js';
import { simulateGet } from './simulated-request.js';
import type { Side } from './slices.js';
import { type Statement, statements } from './statements.js';

/**
 * How a side asks:
 * - `bare`: `pg.Pool`, as an application without this library does; with several servers, one pool for each, of which
 *   one is chosen by chance;
 * - `storage`: the same, each statement in a context of its own, made by an `AsyncLocalStorage`;
 * - `request`: `ReplicatedPool`, each statement in a GET request of its own;
 * - `outside`: `ReplicatedPool`, outside any request.
 */
export type PoolFront = 'bare' | 'storage' | 'request' | 'outside';

/** What a side is to do. */
export interface PoolOrder {
  readonly front: PoolFront;
  readonly statement: keyof typeof statements;
  readonly primary: Server;
  /** Those that a routed pool is given. */
  readonly replicas: readonly Server[];
  /** Those who are to serve. */
  readonly servers: readonly Server[];
}

/**
 * Opens a side's pools, and proves that they reach the servers that they should, and no others.
 *
 * @throws an Error saying which were reached
 */
export async function openPoolSide(order: PoolOrder): Promise<Side> {
  const { front, primary, replicas, servers } = order;
  const run = statements[order.statement];
  if (front === 'request') return requestSide(primary, replicas, run);
  if (front === 'outside') return outsideSide(primary, replicas, run);
  return bareSide(servers, front === 'storage' ? inContext(run) : run);
}

function inContext(run: Statement): Statement {
  const storage = new AsyncLocalStorage<object>();
  return (pool, turn) => storage.run({}, () => run(pool, turn));
}

async function bareSide(servers: readonly Server[], run: Statement): Promise<Side> {
  const pools = servers.map(openBare);
  const [only] = pools;
  if (only === undefined) throw new RangeError('A bare side needs a pool.');
  for (const [index, pool] of pools.entries()) {
    await requireServers('a bare pool', () => askPort(pool), servers.slice(index, index + 1));
  }
  const choose: () => pg.Pool =
    pools.length === 1 ? () => only : () => pools[Math.floor(Math.random() * pools.length)] ?? only;
  return loopSide({ loops: concurrency, operate: (turn) => run(choose(), turn) });
}

/** The last request of every slice has to have used one of the replicas. */
async function requestSide(primary: Server, replicas: readonly Server[], run: Statement): Promise<Side> {
  const pool = openRouted(primary, replicas);
  await requireServers('the routed pool', () => askPortInRequest(pool), replicas);
  let last: Scope | undefined;
  const keep = (scope: Scope): void => {
    last = scope;
  };
  return loopSide({
    loops: concurrency,
    operate: (turn) => simulateGet(() => run(pool, turn), keep),
    check: () => {
      requireUse(last, replicas);
      requireNoDetours();
    },
  });
}

async function outsideSide(primary: Server, replicas: readonly Server[], run: Statement): Promise<Side> {
  const pool = openRouted(primary, replicas);
  await requireServers('the routed pool', () => askPort(pool), [primary]);
  await requireWriter(pool, primary.name);
  return loopSide({ loops: concurrency, operate: (turn) => run(pool, turn), check: requireNoDetours });
}
