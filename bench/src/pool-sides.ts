import type { Scope } from '@node-replicated/core/adapter';
import type pg from 'pg';
import { itemId, selectItem } from './items-table.js';
import { loopSide } from './loops.js';
import { concurrency } from './open-pools.js';
import { simulateGet } from './simulated-request.js';
import type { Side } from './slices.js';

/** Runs the statement of a turn. A routed and a bare pool are asked in the very same way. */
export type Statement = (pool: pg.Pool, turn: number) => Promise<void>;

export const byPrimaryKey: Statement = async (pool, turn) => {
  const id = itemId(turn);
  const { rows } = await pool.query<{ id: number }>(selectItem, [id]);
  if (rows[0]?.id !== id) throw new Error(`The look-up of item ${id} found ${JSON.stringify(rows)}.`);
};

export const selectOne: Statement = async (pool) => {
  const { rows } = await pool.query<{ one: number }>('SELECT 1 AS one');
  if (rows[0]?.one !== 1) throw new Error(`SELECT 1 answered ${JSON.stringify(rows)}.`);
};

/** Statements as an application without this library runs them, on one pool or on several by chance. */
export function bareSide(pools: readonly pg.Pool[], statement: Statement): Side {
  const [only] = pools;
  if (only === undefined) throw new RangeError('A bare side needs a pool.');
  const choose =
    pools.length === 1 ? () => only : () => pools[Math.floor(Math.random() * pools.length)] ?? only;
  return loopSide({ loops: concurrency, operate: (turn) => statement(choose(), turn) });
}

/** One simulated GET request for each statement. The last request of every slice has to have used a replica. */
export function requestSide(pool: pg.Pool, replicas: readonly string[], statement: Statement): Side {
  let last: Scope | undefined;
  const keep = (scope: Scope): void => {
    last = scope;
  };
  return loopSide({
    loops: concurrency,
    operate: (turn) => simulateGet(() => statement(pool, turn), keep),
    check: () => requireUse(last, replicas),
  });
}

/** Statements of a script: no request is under way. */
export function outsideSide(pool: pg.Pool, statement: Statement): Side {
  return loopSide({ loops: concurrency, operate: (turn) => statement(pool, turn) });
}

function requireUse(scope: Scope | undefined, replicas: readonly string[]): void {
  const uses = scope?.session.uses ?? [];
  const [use] = uses;
  const right = uses.length === 1 && use?.role === 'replica' && use.reason === 'method';
  if (!right || !replicas.includes(use.node)) {
    throw new Error(`A GET request should have used one of ${replicas}, and used ${JSON.stringify(uses)}.`);
  }
}
