import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LocalNode } from '@node-replicated/local-cluster';
import { ReplicatedPool, type ReplicatedPoolOptions } from '@node-replicated/pg';
import { describe, expect, test } from 'vitest';
import { duringGet, eventually, failureOf, heard, inUse, where } from '../integration/stage.js';
import { addAccessRules, appPassword, appUser, writeOnServer } from './access.js';
import { becomes, cluster, first, openAppPool, second, stageFaults, statusOf } from './faults-stage.js';
import { openGate } from './gate.js';

stageFaults();

type NodeOptions = Exclude<NonNullable<ReplicatedPoolOptions['nodes']>[number], string>;

/** Why one of the replicas lets nobody in, and what the server says then. */
const rejections: Readonly<
  Record<string, { readonly node: NodeOptions; readonly rules?: readonly string[]; readonly says: RegExp }>
> = {
  'a wrong password': {
    node: { user: appUser, password: 'wrong' },
    rules: [`host all ${appUser} 127.0.0.1/32 scram-sha-256`],
    says: /^password authentication failed for user "app"$/,
  },
  'no password where one is needed': {
    node: { user: appUser },
    rules: [`host all ${appUser} 127.0.0.1/32 scram-sha-256`],
    says: /^SASL: .*password/,
  },
  'a role that does not exist': { node: { user: 'nobody' }, says: /^role "nobody" does not exist$/ },
  'a database that does not exist': {
    node: { user: appUser, database: 'nothing' },
    says: /^database "nothing" does not exist$/,
  },
  'no entry in pg_hba.conf': {
    node: { user: appUser },
    rules: [`host all ${appUser} 127.0.0.1/32 reject`],
    says: /^pg_hba.conf rejects connection for host "127.0.0.1", user "app"/,
  },
  'no TLS on the server, where it is asked for': {
    node: { user: appUser, ssl: true },
    says: /^The server does not support SSL connections$/,
  },
};

describe('a replica that rejects the pool for', () => {
  test.for(Object.entries(rejections))(
    '%s is reported once and clearly, is not asked again and again, and others serve',
    async ([, { node, rules = [], says }]) => {
      const admit = await addAccessRules(first, ...rules);
      await using gate = await openGate(first.serverPort);
      const rejected = {
        host: '127.0.0.1',
        port: gate.port,
        database: 'postgres',
        ...node,
        name: first.name,
      };
      const nodes = [...[cluster.primary, second].map(addressOf), rejected];
      const own = new ReplicatedPool({ nodes, probeIntervalMs: 20, downtimeMs: 60_000, name: 'rejected' });
      try {
        const events = await heard(
          'node-rejected',
          async () => {
            await eventually('it is rejected', () => statusOf(first.name, own).failure === 'rejected');
            for (let read = 0; read < 50; read += 1) {
              expect((await duringGet(() => where(own))).port).not.toBe(first.serverPort);
            }
            await own.query('SELECT 1');
            // The others have been looked at many times meanwhile.
            await looksAt(own, second, 20);
          },
          'rejected',
        );
        expect(events).toEqual([
          { cluster: 'rejected', node: first.name, error: expect.stringMatching(says) },
        ]);
        expect(statusOf(first.name, own)).toMatchObject({
          state: 'down',
          error: expect.stringMatching(says),
        });
        expect(gate.connections).toBe(1);
      } finally {
        await own.end();
        await admit();
      }
    },
  );
});

test('a server whose certificate nobody has signed is rejected, and reported once', async () => {
  await serveTls(first);
  const nodes = [...[cluster.primary, second].map(addressOf), { ...addressOf(first), ssl: true }];
  const events = await heard(
    'node-rejected',
    async () => {
      await using own = new ReplicatedPool({ nodes, probeIntervalMs: 20, name: 'tls' });
      await eventually('it is rejected', () => statusOf(first.name, own).failure === 'rejected');
      await looksAt(own, second, 20);
      expect((await duringGet(() => where(own))).port).toBe(second.serverPort);
    },
    'tls',
  );
  expect(events).toEqual([{ cluster: 'tls', node: first.name, error: expect.stringMatching(/self-signed/) }]);
  await using trusting = new ReplicatedPool({
    nodes: [
      ...[cluster.primary, second].map(addressOf),
      { ...addressOf(first), ssl: { rejectUnauthorized: false } },
    ],
    probeIntervalMs: 20,
  });
  await becomes(first, 'up', trusting);
});

test('a node whose name leads nowhere is unreachable, and others serve', async () => {
  const nodes = [
    ...[cluster.primary, second].map(addressOf),
    { ...addressOf(first), host: 'no-such-host.invalid' },
  ];
  await using own = new ReplicatedPool({
    nodes,
    probeIntervalMs: 20,
    probeTimeoutMs: 5_000,
    failureThreshold: 1,
  });
  await eventually('it is down', () => statusOf(first.name, own).state === 'down');
  expect(statusOf(first.name, own).error).toMatch(/no-such-host.invalid/);
  expect((await duringGet(() => where(own))).port).toBe(second.serverPort);
});

test('a password that is changed while connections are open: they go on, new ones fail, reported once and without a storm', async () => {
  await using gate = await openGate(cluster.primary.serverPort);
  const nodes = [{ ...addressOf(cluster.primary), port: gate.port }];
  const own = await openAppPool({ nodes, name: 'rotated', max: 2, downtimeMs: 60_000 });
  const client = await own.connect();
  const admit = await addAccessRules(cluster.primary, `host all ${appUser} 127.0.0.1/32 reject`);
  const before = gate.connections;
  const events = await heard(
    'node-rejected',
    async () => {
      for (let write = 0; write < 20; write += 1) {
        expect(await failureOf(own.query('SELECT 1'))).toMatchObject({ code: '28000' });
      }
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    },
    'rotated',
  );
  expect(events).toHaveLength(1);
  expect(gate.connections).toBe(before + 1);
  expect(own.status()).toMatchObject({ primary: 'primary', readOnly: false });
  client.release();
  await eventually('its connection is given back', () => inUse(own) === 0);
  expect((await own.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  await admit();
  await own.end();
});

test('a rejection that statements and probes meet alike is reported once, and once more when it comes back', async () => {
  const own = await openAppPool({ name: 'both', downtimeMs: 200 });
  const events = await heard(
    'node-rejected',
    async () => {
      for (let time = 0; time < 2; time += 1) {
        await duringGet(() => where(own));
        const admit = await addAccessRules(first, `host all ${appUser} 127.0.0.1/32 reject`);
        await Promise.all([
          first.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [appUser]),
          ...Array.from({ length: 30 }, () => duringGet(() => where(own))),
        ]);
        await eventually('it is rejected', () => statusOf(first.name, own).failure === 'rejected');
        await admit();
        await becomes(first, 'up', own);
      }
    },
    'both',
  );
  expect(events.map(({ node }) => node)).toEqual([first.name, first.name]);
  await own.end();
});

test('a node that lets the pool in again is found at the slow pace, and serves', async () => {
  const admit = await addAccessRules(first, `host all ${appUser} 127.0.0.1/32 reject`);
  const own = new ReplicatedPool({
    nodes: cluster.nodes.map(addressOf),
    probeIntervalMs: 20,
    downtimeMs: 300,
  });
  await eventually('it is rejected', () => statusOf(first.name, own).failure === 'rejected');
  await admit();
  await becomes(first, 'up', own);
  await eventually('it serves', async () => (await duringGet(() => where(own))).port === first.serverPort);
  await own.end();
});

test('nothing of it holds a password', async () => {
  const events: unknown[] = [];
  events.push(
    ...(await heard(
      'node-rejected',
      async () => {
        const admit = await addAccessRules(first, `host all ${appUser} 127.0.0.1/32 scram-sha-256`);
        const wrong = { ...addressOf(first), password: 'very-secret' };
        const own = new ReplicatedPool({ nodes: [wrong], failoverWaitMs: 200, name: 'secret' });
        events.push(String(await failureOf(own.query('SELECT 1'))), own.status());
        await own.end();
        await admit();
      },
      'secret',
    )),
  );
  expect(JSON.stringify(events)).toContain('password authentication failed');
  expect(JSON.stringify(events)).not.toContain('very-secret');
});

function addressOf({ name, port }: LocalNode): NodeOptions {
  return { name, host: '127.0.0.1', port, user: appUser, password: appPassword, database: 'postgres' };
}

/** Waits until a pool has looked at a node so many times. */
async function looksAt(own: ReplicatedPool, node: LocalNode, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    const { roundTripMs } = statusOf(node.name, own);
    await eventually('it looks', () => statusOf(node.name, own).roundTripMs !== roundTripMs);
  }
}

/** Gives a server a certificate that it has signed itself. */
async function serveTls(node: LocalNode): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'faults-tls-'));
  const [key, certificate] = [join(folder, 'key'), join(folder, 'certificate')];
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate],
  ]);
  await writeOnServer(node, 'server.key', await readFile(key, 'utf8'));
  await writeOnServer(node, 'server.crt', await readFile(certificate, 'utf8'));
  await rm(folder, { recursive: true });
  await node.query('ALTER SYSTEM SET ssl = on');
  await node.query('SELECT pg_reload_conf()');
  await eventually('it speaks TLS', async () => {
    const { rows } = await node.query<{ ssl: string }>("SELECT current_setting('ssl') AS ssl");
    return rows[0]?.ssl === 'on';
  });
}
