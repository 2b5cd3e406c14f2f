import type { LocalCluster, LocalNode } from '@node-replicated/local-cluster';
import { ReplicatedPool } from '@node-replicated/pg';
import pg from 'pg';
import { simulateGet } from './simulated-request.js';

/** How an application reads and writes; each call is a request of its own. */
export interface OverloadSide extends AsyncDisposable {
  readonly name: string;
  read(sql: string): Promise<unknown>;
  write(sql: string): Promise<unknown>;
}

/** Connections of each pool. */
const max = 10;

/** This library, as it comes. */
export function bulkheadSide(cluster: LocalCluster): OverloadSide {
  const pool = new ReplicatedPool({
    primary: cluster.primary.directUrl,
    replicas: cluster.replicas.map(({ directUrl }) => directUrl),
    max,
    slowStartMs: 0,
  });
  return {
    name: 'bulkhead',
    read: (sql) => simulateGet(() => pool.query(sql), ignore),
    write: (sql) => pool.query(sql),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

/**
 * What routing does without a bulkhead: a pool for each node, as many connections to the primary as above in all, and
 * a read whose replica fails runs on the primary's pool.
 */
export function onePoolSide(cluster: LocalCluster): OverloadSide {
  const primary = open(cluster.primary, 2 * max);
  const replicas = cluster.replicas.map((node) => ({ node, pool: open(node, max) }));
  let turn = 0;
  return {
    name: 'one-pool',
    async read(sql) {
      const living = replicas.filter(({ node }) => node.running);
      turn += 1;
      const { pool } = living[turn % Math.max(living.length, 1)] ?? { pool: primary };
      return pool.query(sql).catch(() => primary.query(sql));
    },
    write: (sql) => primary.query(sql),
    async [Symbol.asyncDispose]() {
      await Promise.all([primary, ...replicas.map(({ pool }) => pool)].map((pool) => pool.end()));
    },
  };
}

function open({ directUrl }: LocalNode, size: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: directUrl, max: size });
  pool.on('error', ignore);
  return pool;
}

function ignore(): void {}
