import { setTimeout as sleep } from 'node:timers/promises';
import {
  defineReplication,
  onReplicationEvent,
  type ReplicationEventName,
  type ReplicationEvents,
} from '@node-replicated/core';
import { openRequest, runInScope, type Scope } from '@node-replicated/core/adapter';
import type { LocalCluster, LocalNode } from '@node-replicated/local-cluster';
import { ReplicatedPool, type ReplicatedPoolOptions } from '@node-replicated/pg';
import pg from 'pg';

/** The settings of the web side under which these tests' requests run. */
export const config: ReturnType<typeof defineReplication> = defineReplication({
  secret: 'the secret of these tests is long enough',
});

/** Short times, so that tests do not wait for what an application would. */
export const impatient: ReplicatedPoolOptions = {
  probeIntervalMs: 100,
  probeTimeoutMs: 400,
  downtimeMs: 500,
  failoverWaitMs: 2_000,
  slowStartMs: 0,
};

/** A pool over all nodes of a cluster that has looked at each of them. */
export async function openPool(
  cluster: LocalCluster,
  options: ReplicatedPoolOptions = {},
): Promise<ReplicatedPool> {
  const pool = new ReplicatedPool({
    ...impatient,
    primary: { name: 'primary', connectionString: cluster.url },
    replicas: cluster.replicas.map(({ name, url }) => ({ name, connectionString: url })),
    ...options,
  });
  await eventually('every node is up', () => pool.status().nodes.every(({ state }) => state === 'up'));
  return pool;
}

/** The scope of a request. */
export function request(method = 'GET', headers: Record<string, string> = {}): Scope {
  return openRequest(config, { method, path: '/page', headers, secure: false });
}

/** Runs a function as the handler of a request, and gives what it returns. */
export function during<T>(scope: Scope, fn: () => T): T {
  return runInScope(scope, fn);
}

/** Runs a function as the handler of a GET request of its own. */
export function duringGet<T>(fn: () => T): T {
  return during(request('GET'), fn);
}

/** Runs a function as the handler of a POST request of its own. */
export function duringPost<T>(fn: () => T): T {
  return during(request('POST'), fn);
}

/** Where a statement ran, said by the server that ran it. */
export interface Place {
  readonly port: number;
  readonly standby: boolean;
  /** Whether its session begins transactions read-only. */
  readonly reader: boolean;
}

export const whereSql = `SELECT inet_server_port() AS port, pg_is_in_recovery() AS standby,
  current_setting('default_transaction_read_only') = 'on' AS reader`;

/** Anything that runs a statement. */
export interface Asker {
  query(text: string): Promise<pg.QueryResult>;
}

/** Asks where statements run. */
export async function where(asker: Asker): Promise<Place> {
  const { rows } = await asker.query(whereSql);
  return rows[0] as Place;
}

/** The table to which these tests write; each row tells which server wrote it. */
export const notesSchema =
  'CREATE TABLE notes (id serial PRIMARY KEY, body text, port int DEFAULT inet_server_port())';

/** The statement that writes a note. */
export function insert(body: string): string {
  return `INSERT INTO notes (body) VALUES ('${body}')`;
}

/** The state in which a pool sees a node. */
export function stateOf(pool: ReplicatedPool, name: string): string | undefined {
  return pool.status().nodes.find((node) => node.name === name)?.state;
}

/** One number, straight from a node. */
export async function numberOn(node: LocalNode, sql: string): Promise<number> {
  const { rows } = await node.query<{ n: unknown }>(sql);
  return Number(rows[0]?.n);
}

/** Waits for a condition; the error says which one did not come true. */
export async function eventually(
  what: string,
  check: () => boolean | Promise<boolean>,
  ms = 15_000,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await sleep(10);
  }
}

/** Fails with a sentence of its own when something does not end in time, in place of the whole test's limit. */
export async function within<T>(ms: number, what: string, promise: PromiseLike<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Collects the events of one kind of one pool, while a function runs. */
export async function heard<N extends ReplicationEventName>(
  name: N,
  fn: () => unknown,
  cluster = 'main',
): Promise<ReplicationEvents[N][]> {
  const events: ReplicationEvents[N][] = [];
  const stop = onReplicationEvent(name, (event) => {
    if (!('cluster' in event) || event.cluster === cluster) events.push(event);
  });
  try {
    await fn();
  } finally {
    stop();
  }
  return events;
}

/** The error that something is rejected with. */
export async function failureOf(promise: PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('It did not fail.');
}

/** A connection past the pool. It survives the loss of its server. */
export async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** How many connections of the pools are in somebody's hands. */
export function inUse(pool: ReplicatedPool): number {
  return pool.totalCount - pool.idleCount;
}
