import type { ReplicatedPool } from '@node-replicated/pg';
import { expect, test } from 'vitest';
import { duringGet, eventually, failureOf, heard, where, within } from '../integration/stage.js';
import { appUrl } from './access.js';
import { cluster, first, openAppPool, second, stageFaults, statusOf } from './faults-stage.js';
import { type Gate, openGate } from './gate.js';

stageFaults();

/** Of what reads from a replica in a black hole nothing is ever heard again. */
const marker = 'into the hole';
const read = `SELECT pg_is_in_recovery() AS standby, inet_server_port() AS port /* ${marker} */`;

test('a replica that falls into a black hole is asked by nobody once a probe was not answered, long before it is down', async () => {
  await using gate = await openGate(first.serverPort);
  await using own = await openBehind(gate, { failureThreshold: 1_000 });
  await warm(own, gate);
  gate.swallow();
  // Those that are asked now find it out for all others.
  const early = await Promise.all(Array.from({ length: 20 }, () => duringGet(() => own.query(read))));
  expect(early.map(({ rows }) => rows[0]?.port)).not.toContain(first.serverPort);
  await eventually('a probe was not answered', () => statusOf(first.name, own).failure === 'no-answer');
  const swallowed = gate.count(marker);
  for (let time = 0; time < 100; time += 1) {
    expect((await duringGet(() => own.query(read))).rows[0]?.port).toBe(second.serverPort);
  }
  expect(gate.count(marker)).toBe(swallowed);
  expect(statusOf(first.name, own).state).toBe('up');
});

test('a request that was held up by a black hole is held up by it once: its later reads go elsewhere', async () => {
  await using gate = await openGate(first.serverPort);
  await using own = await openBehind(gate);
  await warm(own, gate);
  gate.swallow();
  const before = gate.count(marker);
  await Promise.all(
    Array.from({ length: 10 }, () =>
      duringGet(async () => {
        for (let time = 0; time < 5; time += 1) {
          expect((await own.query(read)).rows[0]?.port).toBe(second.serverPort);
        }
      }),
    ),
  );
  expect(gate.count(marker) - before).toBeLessThanOrEqual(10);
});

test('a black hole is found out by those who wait, long before a probe is due', async () => {
  await using gate = await openGate(first.serverPort);
  await using own = await openBehind(gate, { probeIntervalMs: 600_000, balance: behind });
  await warm(own, gate);
  gate.swallow();
  const answered = await within(
    20_000,
    'the read',
    duringGet(() => own.query(read)),
  );
  expect(answered.rows[0]?.port).toBe(second.serverPort);
});

test('with a single replica in a black hole, reads go to the primary', async () => {
  await using gate = await openGate(first.serverPort);
  await using own = await openAppPool({
    nodes: [
      { name: 'primary', connectionString: appUrl(cluster.primary) },
      { name: first.name, connectionString: appUrl(gate) },
    ],
    failureThreshold: 1_000,
  });
  await warm(own, gate);
  gate.swallow();
  expect(await duringGet(() => where(own))).toMatchObject({ standby: false, reader: true });
  gate.release();
  await eventually('it serves again', async () => (await duringGet(() => where(own))).standby);
});

test('a slow statement on a replica that is well goes on, however long it takes', async () => {
  await using own = await openAppPool({ probeTimeoutMs: 400 });
  const moves = await heard('node-changed', async () => {
    const slow = await duringGet(() => own.query(`SELECT pg_is_in_recovery() AS standby, pg_sleep(3)`));
    expect(slow.rows[0]?.standby).toBe(true);
  });
  expect(moves).toEqual([]);
});

test('a transaction on a replica that was not heard of for a moment goes on', async () => {
  await using own = await openAppPool({ failureThreshold: 1_000, probeTimeoutMs: 100 });
  await duringGet(async () => {
    const client = await own.connect();
    try {
      await client.query('BEGIN READ ONLY');
      const port: unknown = (await client.query('SELECT inet_server_port() AS port')).rows[0]?.port;
      const node = cluster.replicas.find(({ serverPort }) => serverPort === port) ?? first;
      await node.freeze();
      await eventually('it was not heard of', () => statusOf(node.name, own).failure === 'no-answer');
      await node.thaw();
      expect((await client.query('SELECT inet_server_port() AS port')).rows[0]).toEqual({ port });
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  });
});

test('a read that is tried again keeps to the time that its caller gives it', async () => {
  await using gate = await openGate(first.serverPort);
  await using own = await openBehind(gate, { balance: behind });
  await warm(own, gate);
  gate.swallow();
  // It would be done in its whole time, and not in what the hole has left of it.
  const slow = { text: 'SELECT pg_sleep(3)', query_timeout: 4_000 };
  const error = await failureOf(duringGet(() => own.query(slow)));
  expect(error.message).toBe('Query read timeout');
  expect(gate.count('pg_sleep(3)')).toBe(1);
});

test('a read whose time is over is not tried again', async () => {
  await using gate = await openGate(first.serverPort);
  await using own = await openBehind(gate, { balance: behind, statement_timeout: 50 });
  await warm(own, gate);
  gate.swallow();
  const error = await failureOf(duringGet(() => own.query(read)));
  expect(error.message).toMatch(/^Connection terminated/);
});

test('a probe does not queue behind the statements of an application that has no connection left', async () => {
  await using own = await openAppPool({ max: 1 });
  const slow = [
    ...Array.from({ length: 2 }, () => own.query('SELECT pg_sleep(1)')),
    ...Array.from({ length: 6 }, () => duringGet(() => own.query('SELECT pg_sleep(1)'))),
  ];
  const looks = new Map(cluster.nodes.map(({ name }) => [name, new Set<unknown>()]));
  await eventually('statements wait for each other, and every node is looked at meanwhile', () => {
    if (own.waitingCount < 3) return false;
    for (const { name, roundTripMs } of own.status().nodes) looks.get(name)?.add(roundTripMs);
    return [...looks.values()].every(({ size }) => size >= 3);
  });
  await Promise.all(slow);
});

/** Of the two replicas the first, as long as it is a candidate. */
function behind<T extends { readonly busy: number }>(candidates: readonly T[]): T {
  const found = candidates.find((node) => 'name' in node && node.name === first.name) ?? candidates[0];
  if (found === undefined) throw new Error('There is nobody to choose.');
  return found;
}

/** A pool that reaches the first replica through a gate. */
function openBehind(gate: Gate, options: Parameters<typeof openAppPool>[0] = {}): Promise<ReplicatedPool> {
  return openAppPool({
    nodes: [cluster.primary, first, second].map((node) => ({
      name: node.name,
      connectionString: appUrl(node === first ? gate : node),
    })),
    ...options,
  });
}

/** Has connections opened to all replicas. */
async function warm(own: ReplicatedPool, gate: Gate): Promise<void> {
  await eventually('the replica has served', async () => {
    await Promise.all(Array.from({ length: 8 }, () => duringGet(() => own.query(read))));
    return gate.count(marker) > 0;
  });
}
