import type { ReplicatedPool } from '@node-replicated/pg';
import pg from 'pg';
import { type Items, insertSql, newestSql } from '../history/items.js';
import type { NodeAddress } from './application.js';

/**
 * What an application may do wrong, to see that a storm finds it.
 * - `pins`: no client is remembered to have written
 * - `retries`: a write whose outcome is unknown is sent again
 * - `fencing`: whoever says that it is no standby is written to, whatever its timeline
 * - `reads`: one replica is read from, whether it is there or not
 * - `leaks`: some clients are never released
 * - `memory`: something is kept of each request
 */
export const breakages = ['pins', 'retries', 'fencing', 'reads', 'leaks', 'memory'] as const;

export type Breakage = (typeof breakages)[number];

/** Keeps items as an application does that makes this mistake. */
export function brokenItems(
  items: Items,
  pool: ReplicatedPool,
  nodes: readonly NodeAddress[],
  breakage: Breakage,
): Items {
  switch (breakage) {
    case 'pins':
      return items;
    case 'retries':
      return { ...items, insert: (item) => items.insert(item).catch(() => items.insert(item)) };
    case 'fencing':
      return { ...items, insert: insertAnywhere(nodes) };
    case 'reads':
      return { ...items, newest: readAt(nodes.at(-1)) };
    case 'leaks':
      return { ...items, newest: leaking(items, pool) };
    case 'memory':
      return { ...items, newest: remembering(items) };
  }
}

function insertAnywhere(nodes: readonly NodeAddress[]): Items['insert'] {
  const pools = nodes.map(({ connectionString }) => barePool(connectionString));
  return async ({ key, n }) => {
    for (const pool of pools) {
      const { rows } = await pool
        .query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby')
        .catch(() => ({ rows: [] }));
      if (rows[0]?.standby !== false) continue;
      await pool.query(insertSql, [key, n]);
      return;
    }
    throw new Error('Nobody takes writes.');
  };
}

function readAt(node: NodeAddress | undefined): Items['newest'] {
  const pool = barePool(node?.connectionString ?? '');
  return async (key) => {
    const { rows } = await pool.query<{ highest: number | null }>(newestSql, [key]);
    return rows[0]?.highest ?? 0;
  };
}

function leaking(items: Items, pool: ReplicatedPool): Items['newest'] {
  let reads = 0;
  return async (key) => {
    reads += 1;
    // Not all of them, or nobody would get another one.
    if (reads <= 3) await (await pool.connect()).query('SELECT 1');
    return items.newest(key);
  };
}

function remembering(items: Items): Items['newest'] {
  const memory: string[] = [];
  return (key) => {
    memory.push(`${memory.length} ${key}`.repeat(500).toUpperCase());
    return items.newest(key);
  };
}

function barePool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 1_000, query_timeout: 3_000 });
  return pool.on('error', () => undefined);
}
