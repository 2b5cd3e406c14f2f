import { once } from 'node:events';
import { createServer } from 'node:net';
import { onReplicationEvent } from '@node-replicated/core';
import { ReplicatedPool, type ReplicatedPoolOptions } from '@node-replicated/pg';
import { afterEach, expect, test } from 'vitest';
import { duringGet, eventually, failureOf, within } from '../integration/stage.js';
import { appUrl } from './access.js';
import { becomes, cluster, openAppPool, stageFaults } from './faults-stage.js';
import { openGate } from './gate.js';

stageFaults();

afterEach(async () => {
  for (const node of cluster.nodes) await node.heal();
});

/** Everything else waits far longer than a test: only `connectionTimeoutMillis` can end a wait in time. */
const patient: ReplicatedPoolOptions = {
  connectionTimeoutMillis: 300,
  failoverWaitMs: 600_000,
  probeTimeoutMs: 600_000,
};

test.each(['refuse', 'reset', 'blackhole'] as const)(
  'a pool that has never reached a node rejects within connectionTimeoutMillis, and names each node and why (%s)',
  async (mode) => {
    for (const node of cluster.nodes) await node.cut(mode);
    await using own = new ReplicatedPool({ ...patient, nodes: addresses() });
    const read = await within(20_000, 'the read', failureOf(duringGet(() => own.query('SELECT 1'))));
    expect(read).toMatchObject({ code: 'ERR_NO_NODE', statusCode: 503 });
    const write = await within(20_000, 'the write', failureOf(own.query('SELECT 1')));
    expect(write).toMatchObject({ code: 'ERR_NO_PRIMARY', statusCode: 503 });
    const client = await within(20_000, 'the client', failureOf(own.connect()));
    expect(client).toMatchObject({ code: 'ERR_NO_PRIMARY' });
    const reason = {
      refuse: 'ECONNREFUSED',
      reset: 'ECONNRESET',
      blackhole: '(?:timeout expired|it has not answered yet)',
    }[mode];
    for (const { name } of cluster.nodes) {
      for (const { message } of [read, write])
        expect(message).toMatch(new RegExp(`${name} is \\w+ \\([^;]*${reason}`));
    }
  },
);

test('a pool whose only node lets it in and then falls silent rejects within connectionTimeoutMillis', async () => {
  await using gate = await openGate(cluster.primary.serverPort, 'pg_is_in_recovery');
  const nodes = [{ name: 'primary', connectionString: appUrl(gate) }];
  await using own = new ReplicatedPool({ ...patient, nodes });
  const asked = [duringGet(() => own.query('SELECT 1')), own.query('SELECT 1')];
  const [read, write] = await within(20_000, 'both', Promise.all(asked.map(failureOf)));
  expect(read?.message).toMatch(/primary is \w+ \((?:timeout expired|it has not answered yet)\)/);
  // The only node is asked at once, and fails as it does in `pg.Pool`, whose clients count the time as well.
  expect(write?.message).toMatch(/^(?:Connection terminated due to connection timeout|timeout expired)$/);
});

test('a pool whose nodes are all lost rejects, and names each of them and why', async () => {
  await using own = await openAppPool({ connectionTimeoutMillis: 300 });
  await duringGet(() => own.query('SELECT 1'));
  for (const node of cluster.nodes) await node.cut('refuse');
  for (const node of cluster.nodes) await becomes(node, 'down', own);
  const error = await failureOf(duringGet(() => own.query('SELECT 1')));
  expect(error.code).toBe('ERR_NO_NODE');
  for (const { name } of cluster.nodes)
    expect(error.message).toMatch(new RegExp(`${name} is \\w+ \\(.*ECONNREFUSED`));
});

test('a statement that waits while no node can be reached is answered when one comes', async () => {
  for (const node of cluster.nodes) await node.cut('refuse');
  // Nobody would look again for a long time, if nobody waited.
  await using own = new ReplicatedPool({
    name: 'waiting',
    nodes: addresses(),
    failoverWaitMs: 20_000,
    probeIntervalMs: 20_000,
    probeTimeoutMs: 1_000,
  });
  const read = duringGet(() => own.query('SELECT 1 AS one'));
  const write = own.query('SELECT 2 AS two');
  let losses = 0;
  const stop = onReplicationEvent('node-changed', ({ cluster: name, node, to }) => {
    if (name === 'waiting' && node === 'primary' && to === 'down') losses += 1;
  });
  await eventually('it was tried again and again', () => losses >= 4).finally(stop);
  for (const node of cluster.nodes) await node.heal();
  expect((await read).rows).toEqual([{ one: 1 }]);
  expect((await write).rows).toEqual([{ two: 2 }]);
});

test('an address that several machines share says what each of them has answered', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await new Promise((done) => taken.close(done));
  const lookup = ['::1', '127.0.0.1'].map((ip) => ({ address: ip, family: ip.includes(':') ? 6 : 4 }));
  const { Socket } = await import('node:net');
  const stream = (): InstanceType<typeof Socket> => {
    const socket = new Socket();
    const connect = socket.connect.bind(socket) as (options: object) => typeof socket;
    socket.connect = () =>
      connect({
        host: 'both.invalid',
        port,
        lookup: (_: string, __: object, done: (error: null, all: object) => void) => done(null, lookup),
      });
    return socket;
  };
  await using own = new ReplicatedPool({
    nodes: [{ name: 'both', host: 'both.invalid', port, stream }],
    failoverWaitMs: 100,
  });
  const { message } = await failureOf(own.query('SELECT 1'));
  expect(message).toContain(`connect ECONNREFUSED 127.0.0.1:${port}`);
});

function addresses(): NonNullable<ReplicatedPoolOptions['nodes']> {
  return cluster.nodes.map((node) => ({ name: node.name, connectionString: appUrl(node) }));
}
