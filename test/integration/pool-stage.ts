import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool, ReplicatedPoolOptions } from '@node-replicated/pg';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { eventually, inUse, notesSchema, numberOn, openPool, within } from './stage.js';

/** The cluster of the test file that has called `stagePool`: a primary and two replicas. */
export let cluster: LocalCluster;

/** The pool over it that the tests of the file share. */
export let pool: ReplicatedPool;

const commonSchema = `${notesSchema};
  CREATE FUNCTION note_down(body text) RETURNS int LANGUAGE sql
    AS $$ INSERT INTO notes (body) VALUES (body) RETURNING port $$;
  CREATE TABLE counters (name text PRIMARY KEY, n int NOT NULL DEFAULT 0);
  INSERT INTO counters (name) VALUES ('update'), ('merge'), ('lock');`;

/** What one file needs beyond the others. */
interface PoolStageOptions {
  /** Statements that create what only this file's tests use. */
  readonly schema?: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** How the pool differs from those of the other files. */
  readonly options?: ReplicatedPoolOptions;
}

/** Starts one cluster, and opens one pool, for all tests of a file. */
export function stagePool({ schema = '', settings = {}, options = {} }: PoolStageOptions = {}): void {
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 2, settings });
    await cluster.primary.query(commonSchema + schema);
    await cluster.waitForCatchUp();
    pool = await openPool(cluster, options);
  });
  afterAll(async () => {
    if (pool !== undefined) await within(5_000, 'the end of the pool', pool.end());
    await cluster?.stop();
  });
}

/** Like `stagePool`; and each test has to give back the connections that it took. */
export function stageLeases(options: PoolStageOptions = {}): void {
  stagePool(options);
  afterEach(async () => {
    try {
      await eventually('every connection was given back', () => inUse(pool) === 0, 2_000);
    } catch (error) {
      // One test's leak is not the next one's.
      pool = await openPool(cluster);
      throw error;
    }
  });
}

/** Runs a function with a leased client, and releases it. */
export async function leased<T>(fn: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    return await fn(client);
  } finally {
    client.release();
  }
}

/** How many notes with a text the primary has. */
export function notes(body: string): Promise<number> {
  return numberOn(cluster.primary, notesSql(body));
}

/** The statement that counts them. */
export function notesSql(body: string): string {
  return `SELECT count(*) AS n FROM notes WHERE body = '${body}'`;
}
