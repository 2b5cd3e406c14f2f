import { ReplicatedPool } from '@node-replicated/pg';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { duringGet, eventually, failureOf, heard, where } from '../integration/stage.js';
import { appUrl, appUser } from './access.js';
import { becomes, cluster, first, openAppPool, pool, second, stageFaults, statusOf } from './faults-stage.js';
import { openGate } from './gate.js';
import { expectUnnoticed, underLoad } from './load.js';

/** How many connections the application's user may have on each server. */
const limit = 8;

stageFaults({}, {});

const occupants: pg.Client[] = [];

afterEach(async () => {
  await leave();
  await cluster.primary.query(`ALTER ROLE ${appUser} CONNECTION LIMIT -1`);
});

test('a replica that is full is not dead: others serve, it is asked seldom, and it comes back', async () => {
  await using gate = await openGate(first.serverPort);
  const nodes = [cluster.primary, second].map((node) => ({
    name: node.name,
    connectionString: appUrl(node),
  }));
  const own = await openAppPool({
    nodes: [...nodes, { name: first.name, connectionString: appUrl(gate) }],
    probeIntervalMs: 300,
  });
  const looks: unknown[] = [];
  await fill(first);
  const before = gate.connections;
  const moves = await heard('node-changed', async () => {
    for (let read = 0; read < 100; read += 1) {
      expect((await duringGet(() => where(own))).port).toBe(second.serverPort);
      const { roundTripMs } = statusOf(first.name, own);
      if (roundTripMs !== looks.at(-1)) looks.push(roundTripMs);
    }
  });
  expect(moves).toEqual([]);
  expect(statusOf(first.name, own).state).toBe('up');
  // One tries for all, each time that the node was looked at.
  expect(gate.connections - before).toBeLessThanOrEqual(looks.length + 1);
  await leave();
  await eventually(
    'it serves again',
    async () => (await duringGet(() => where(own))).port === first.serverPort,
  );
  await own.end();
});

test('a replica that becomes full serves on with the connections that it has', async () => {
  const own = await openAppPool({
    nodes: [cluster.primary, first].map((node) => ({ name: node.name, connectionString: appUrl(node) })),
  });
  expect((await duringGet(() => where(own))).port).toBe(first.serverPort);
  await fill(first);
  for (let read = 0; read < 10; read += 1) {
    expect((await duringGet(() => where(own))).port).toBe(first.serverPort);
  }
  await own.end();
});

test('a replica that becomes full costs nobody a read or a write', async (context) => {
  const verdict = await underLoad({ context, cluster, pool }, async (load) => {
    await load.isServedBy(first);
    // The other servers have the same limit, which has to be more than visitors need there.
    await fill(first, 40);
    await load.goesOn();
    await leave();
    await load.isServedBy(first);
  });
  expectUnnoticed(verdict);
});

test('a primary that is full says so in its own words, and stays the primary', async () => {
  const own = await openAppPool();
  await fill(cluster.primary);
  const changes = await heard('primary-changed', async () => {
    for (let write = 0; write < 10; write += 1) {
      expect(await failureOf(own.query('SELECT 1'))).toMatchObject({ code: '53300' });
    }
  });
  expect(changes).toEqual([]);
  await leave();
  await eventually('it is written to again', () => isAnswered(own.query('SELECT 1')));
  await own.end();
});

test('a primary that is full, and whose probe cannot come back, is still written to over what is open', async () => {
  await using gate = await openGate(cluster.primary.serverPort);
  const nodes = [{ name: 'primary', connectionString: appUrl(gate) }];
  const own = await openAppPool({ nodes });
  const client = await own.connect();
  await fill(cluster.primary);
  await cluster.primary.query(`ALTER ROLE ${appUser} CONNECTION LIMIT 1`);
  const monitor = "usename = 'app' AND application_name = 'node-replicated monitor'";
  await cluster.primary.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${monitor}`);
  await eventually('it is seen to be full', () => statusOf('primary', own).failure === 'full');
  const before = gate.connections;
  await eventually('it was tried many times', () => gate.connections > before + 5);
  expect(statusOf('primary', own)).toMatchObject({
    state: 'up',
    error: 'too many connections for role "app"',
  });
  expect(own.status()).toMatchObject({ primary: 'primary', readOnly: false });
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  client.release();
  await leave();
  await cluster.primary.query(`ALTER ROLE ${appUser} CONNECTION LIMIT -1`);
  await eventually('it is seen again', () => statusOf('primary', own).failure === null);
  await own.end();
});

test('a pool whose servers are all full from the start says so, and comes up when there is room', async () => {
  for (const node of cluster.nodes) await fill(node);
  const nodes = cluster.nodes.map((node) => ({ name: node.name, connectionString: appUrl(node) }));
  const own = new ReplicatedPool({ nodes, probeIntervalMs: 50, failoverWaitMs: 300 });
  const error = await failureOf(own.query('SELECT 1'));
  expect(error).toMatchObject({ code: 'ERR_NO_PRIMARY' });
  for (const { name } of cluster.nodes) expect(error.message).toContain(name);
  expect(error.message).toContain('too many connections for role "app"');
  expect(await failureOf(duringGet(() => own.query('SELECT 1')))).toMatchObject({ code: 'ERR_NO_NODE' });
  await leave();
  await eventually('it is written to', () => isAnswered(own.query('SELECT 1')));
  for (const node of cluster.nodes) await becomes(node, 'up', own);
  await own.end();
});

/** Takes every connection of a server that is left for the application's user. */
async function fill({ serverPort }: { readonly serverPort: number }, most = limit): Promise<void> {
  await cluster.primary.query(`ALTER ROLE ${appUser} CONNECTION LIMIT ${most}`);
  await cluster.waitForCatchUp();
  for (;;) {
    const client = new pg.Client({ connectionString: appUrl({ port: serverPort }) });
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch {
      return;
    }
    occupants.push(client);
  }
}

async function leave(): Promise<void> {
  await Promise.all(occupants.splice(0).map((client) => client.end()));
}

function isAnswered(asked: Promise<unknown>): Promise<boolean> {
  return asked.then(
    () => true,
    () => false,
  );
}
