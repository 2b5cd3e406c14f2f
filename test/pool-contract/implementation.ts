import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import type pg from 'pg';
import { afterAll, beforeAll, it } from 'vitest';
import { failureOf, numberOn, within } from '../integration/stage.js';

/** The servers that all contracts run on: a primary and a replica. */
export let cluster: LocalCluster;

/** A pool that the contract is held against. */
export interface Implementation {
  readonly name: string;
  readonly Pool: new (options?: pg.PoolConfig) => pg.Pool;
  /** The module that exports the class, for a process of its own. */
  readonly module: string;
  /** A pool whose connections lead to the cluster, as soon as it can serve. */
  open(options?: pg.PoolConfig): Promise<pg.Pool>;
  /** Runs the body of a test. */
  run<T>(body: () => T): T;
}

/** Opens a pool that is ended after the test. */
export type Open = (options?: pg.PoolConfig) => Promise<pg.Pool>;

/** Declares a test; its body gets what opens pools. Each test has to give back what it takes, or its end hangs. */
export type Declare = (name: string, body: (open: Open) => Promise<void>) => void;

/** Starts the servers for all contracts of a test file. */
export function stageContracts(): void {
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 });
    await cluster.primary.query('CREATE TABLE items (id serial PRIMARY KEY, body text UNIQUE)');
    await cluster.waitForCatchUp();
  });
  afterAll(() => cluster?.stop());
}

/** How the tests of an implementation are declared. */
export function declareFor(implementation: Implementation): Declare {
  return (name, body) => {
    it(name, async () => {
      const opened: pg.Pool[] = [];
      const open: Open = async (options) => {
        const pool = await implementation.open(options);
        opened.push(pool);
        return pool;
      };
      await implementation.run(() => body(open));
      for (const pool of opened) {
        if (!pool.ending) await within(10_000, 'the end of the pool', pool.end());
      }
    });
  };
}

/** How many sessions the primary has of an application, by its `application_name`. */
export function sessionsOf(application: string): Promise<number> {
  const sql = `SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = '${application}'`;
  return numberOn(cluster.primary, sql);
}

/** Ends a client's session at the server, behind its back. */
export async function terminate(pid: number): Promise<void> {
  for (const node of cluster.nodes) await node.query('SELECT pg_terminate_backend($1)', [pid]);
}

/** Collects a pool's events, as names and arguments. */
export function collect(pool: pg.Pool, names: readonly string[]): [string, ...unknown[]][] {
  const events: [string, ...unknown[]][] = [];
  for (const name of names) pool.on(name as 'connect', (...args: unknown[]) => events.push([name, ...args]));
  return events;
}

/** The counts of a pool: all connections, idle ones, and who waits for one. */
export function counts({ totalCount, idleCount, waitingCount }: pg.Pool): readonly number[] {
  return [totalCount, idleCount, waitingCount];
}

/** The text of the error that something is rejected with. */
export async function refusalOf(promise: PromiseLike<unknown>): Promise<string> {
  return (await failureOf(promise)).message;
}

/** Tells whether so many ms have passed from now. */
export function timer(ms: number): () => boolean {
  const until = performance.now() + ms;
  return () => performance.now() > until;
}
