import { onReplicationEvent, replicationCounts, type StatementEvent } from '@node-replicated/core';
import type { Scope } from '@node-replicated/core/adapter';
import type pg from 'pg';
import type { Server } from './open-pools.js';
import { simulateGet } from './simulated-request.js';

const enough = 200;

/**
 * Proves that two ways of asking reach the same servers and no others, by the port that the servers themselves
 * name.
 *
 * @throws an Error saying which were reached
 */
export async function requireServers(
  name: string,
  ask: () => Promise<pg.QueryResult<{ port: number }>>,
  servers: readonly Server[],
): Promise<void> {
  const wanted = new Set(servers.map(({ port }) => port));
  const reached = new Set<number>();
  for (let turn = 0; turn < enough; turn += 1) {
    const { rows } = await ask();
    for (const { port } of rows) reached.add(port);
  }
  if (reached.size === wanted.size && [...reached].every((port) => wanted.has(port))) return;
  throw new Error(`${name} should have reached the servers ${[...wanted]}, and reached ${[...reached]}.`);
}

/** Asks a pool which server it talks to. */
export function askPort(pool: pg.Pool): Promise<pg.QueryResult<{ port: number }>> {
  return pool.query('SELECT inet_server_port() AS port');
}

/** The same in a simulated request. */
export function askPortInRequest(pool: pg.Pool): Promise<pg.QueryResult<{ port: number }>> {
  return simulateGet(
    () => askPort(pool),
    () => undefined,
  );
}

/** Proves that a statement outside any request goes to the primary's writer. */
export async function requireWriter(pool: pg.Pool, primary: string): Promise<void> {
  const seen: StatementEvent[] = [];
  const stop = onReplicationEvent('statement', (event) => seen.push(event));
  try {
    await askPort(pool);
  } finally {
    stop();
  }
  const [use] = seen;
  const right = seen.length === 1 && use?.node === primary && use.session === 'writer';
  if (!right || use.reason !== 'outside') {
    throw new Error(
      `A statement outside any request should have used the writer of ${primary}: ${JSON.stringify(seen)}.`,
    );
  }
}

/** Proves that no statement so far had to be routed a second time, or elsewhere than it was meant to. */
export function requireNoDetours(): void {
  const counts = replicationCounts();
  const detours = (counts['fallback-to-primary'] ?? 0) + (counts['write-in-replica-scope'] ?? 0);
  if (detours > 0)
    throw new Error(`${detours} statements went another way than meant: ${JSON.stringify(counts)}.`);
}

/** Proves that a request has used one of some replicas, because of its method, and nothing else. */
export function requireUse(scope: Scope | undefined, replicas: readonly Server[]): void {
  const uses = scope?.session.uses ?? [];
  const [use] = uses;
  const right = uses.length === 1 && use?.role === 'replica' && use.reason === 'method';
  const names = replicas.map(({ name }) => name);
  if (!right || !names.includes(use.node)) {
    throw new Error(`A GET request should have used one of ${names}, and used ${JSON.stringify(uses)}.`);
  }
}
