import { afterEach, describe, expect, test } from 'vitest';
import type { Topology } from '../../src/cluster/topology.js';
import { ClusterWatcher } from '../../src/cluster/watcher.js';
import { onReplicationEvent, type ReplicationEventName } from '../../src/events.js';
import { FakeNode, hasReached, observed, ProbeError } from './fake-node.js';
import { settled, VirtualClock } from './virtual-clock.js';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function heard<N extends ReplicationEventName>(name: N): unknown[] {
  const events: unknown[] = [];
  stops.push(onReplicationEvent(name, (event) => events.push(event)));
  return events;
}

interface Watched<Names extends string> {
  readonly clock: VirtualClock;
  readonly nodes: Readonly<Record<Names, FakeNode>>;
  readonly watcher: ClusterWatcher;
  readonly topologies: readonly Topology[];
}

/** A watcher of the nodes `a`, a primary at position 10, and `b`, its replica; or those that the test brings. */
function unstarted<Names extends string = 'a' | 'b'>(
  nodes = {
    a: new FakeNode(observed({ role: 'primary', position: '10' })),
    b: new FakeNode(observed({ position: '10' })),
  } as Record<Names, FakeNode>,
): Watched<Names> {
  const clock = new VirtualClock();
  const topologies: Topology[] = [];
  const watcher = new ClusterWatcher({
    cluster: 'main',
    nodes: Object.entries<FakeNode>(nodes).map(([name, prober]) => ({ name, prober })),
    probeIntervalMs: 1_000,
    probeTimeoutMs: 500,
    failureThreshold: 3,
    downtimeMs: 60_000,
    maxLagMs: 10_000,
    hasReached,
    clock,
    onTopology: (topology) => topologies.push(topology),
  });
  stops.push(() => watcher.close());
  return { clock, nodes, watcher, topologies };
}

/** The same, once it has looked at each of them. */
async function watch<Names extends string = 'a' | 'b'>(
  nodes?: Record<Names, FakeNode>,
): Promise<Watched<Names>> {
  const watched = unstarted(nodes);
  await watched.watcher.start();
  return watched;
}

function at(watcher: ClusterWatcher, name: string) {
  return watcher.nodes.find(({ node }) => node === name);
}

const replicas = ({ topology }: ClusterWatcher): readonly string[] =>
  topology.replicas.map(({ node }) => node);

describe('a watcher', () => {
  test('has looked at every node once it has started', async () => {
    const { watcher } = await watch();
    expect(watcher.settled).toBe(true);
    expect([watcher.topology.primary?.node, replicas(watcher)]).toEqual(['a', ['b']]);
  });

  test('is settled also when no node answers', async () => {
    const { watcher } = await watch({ a: new FakeNode(new ProbeError('unreachable')) });
    expect([watcher.settled, watcher.topology.primary]).toEqual([true, undefined]);
  });

  test('knows the lag of a replica from the start, also of one that was looked at before the primary', async () => {
    const { watcher } = await watch({
      b: new FakeNode(observed({ position: '10' })),
      a: new FakeNode(observed({ role: 'primary', position: '10' })),
    });
    expect(at(watcher, 'b')?.lagMs).toBe(0);
  });

  test('makes no judgement that says more than its nodes do', async () => {
    const { topologies } = await watch();
    for (const { primary, replicas } of topologies)
      for (const node of [primary, ...replicas]) if (node) expect(Object.isFrozen(node)).toBe(true);
    expect(topologies.at(-1)?.primary?.node).toBe('a');
  });
});

describe('the lag of a replica', () => {
  /** The primary goes on by one position each second, and the replica follows it if it can. */
  async function go(seconds: number, { clock, nodes }: Watched<'a' | 'b'>, follows = true): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      const { position } = nodes.a.shows as { position: string };
      const next = String(Number(position) + 1);
      nodes.a.shows = observed({ role: 'primary', position: next });
      if (follows) nodes.b.shows = observed({ position: next });
      await clock.pass(1_000);
    }
  }

  test('stays none while the primary is idle', async () => {
    const { clock, watcher } = await watch();
    await clock.pass(120_000);
    expect(at(watcher, 'b')).toMatchObject({ state: 'up', lagMs: 0 });
  });

  test('grows while it is cut off, until it is not read from, and ends when it has caught up', async () => {
    const watched = await watch();
    const { nodes, watcher } = watched;
    await go(3, watched);
    await go(8, watched, false);
    expect(at(watcher, 'b')?.state).toBe('up');
    expect(at(watcher, 'b')?.lagMs).toBeGreaterThanOrEqual(7_000);
    await go(5, watched, false);
    expect([at(watcher, 'b')?.state, replicas(watcher)]).toEqual(['lagging', []]);
    nodes.b.shows = observed({ position: '26' });
    await watched.clock.pass(1_000);
    expect([at(watcher, 'b')?.state, replicas(watcher)]).toEqual(['up', ['b']]);
  });

  test('does not grow because the primary is gone', async () => {
    const watched = await watch();
    await go(3, watched);
    watched.nodes.a.shows = new ProbeError('unreachable');
    await watched.clock.pass(60_000);
    expect(replicas(watched.watcher)).toEqual(['b']);
  });
});

test('a replica that misses what a lost primary had last falls no further behind, and is read from', async () => {
  const { clock, nodes, watcher } = await watch();
  nodes.a.shows = observed({ role: 'primary', position: '11' });
  await clock.pass(1_000);
  nodes.a.shows = new ProbeError('unreachable');
  await clock.pass(60_000);
  expect(watcher.topology.primary).toBeUndefined();
  expect(replicas(watcher)).toEqual(['b']);
});

describe('whether a replica is worth a look', () => {
  const b = [{ name: 'b' }];

  test('goes by how long it took before to replay what the primary was seen to have', async () => {
    const { clock, watcher } = await watch();
    watcher.noteWritten('a', '11');
    await clock.pass(300);
    watcher.noteReplayed('b', '10', 0);
    watcher.noteWritten('a', '12');
    await clock.pass(200);
    expect(watcher.worthALook(b, '12')).toEqual([]);
    await clock.pass(100);
    expect(watcher.worthALook(b, '12')).toEqual(b);
  });

  test('is learnt from its probes as well', async () => {
    const { clock, watcher } = await watch();
    watcher.noteWritten('a', '11');
    await clock.pass(2_000);
    watcher.noteWritten('a', '12');
    await clock.pass(10);
    expect(watcher.worthALook(b, '12')).toEqual([]);
  });

  test('is not judged by what is seen of a node that is not the primary', async () => {
    const { clock, watcher } = await watch();
    watcher.noteWritten('b', '50');
    await clock.pass(300);
    watcher.noteReplayed('b', '10', 0);
    watcher.noteWritten('a', '11');
    expect(watcher.worthALook(b, '11')).toEqual(b);
  });

  test('begins anew with another primary', async () => {
    const { clock, nodes, watcher } = await watch({
      a: new FakeNode(observed({ role: 'primary', position: '10' })),
      b: new FakeNode(observed({ position: '10' })),
      c: new FakeNode(observed({ position: '10' })),
    });
    watcher.noteWritten('a', '11');
    await clock.pass(5_000);
    nodes.a.shows = new ProbeError('unreachable');
    nodes.c.shows = observed({ role: 'primary', position: '11', timeline: 2 });
    await clock.pass(1_500);
    expect(watcher.topology.primary?.node).toBe('c');
    watcher.noteWritten('c', '12');
    expect(watcher.worthALook(b, '12')).toEqual(b);
  });
});

describe('another primary', () => {
  test('is followed, and the old one is never returned to', async () => {
    const changes = heard('primary-changed');
    const { clock, nodes, watcher } = await watch();
    nodes.a.shows = new ProbeError('unreachable');
    await clock.pass(1_000);
    expect(watcher.topology.primary).toBeUndefined();
    nodes.b.shows = observed({ role: 'primary', position: '11', timeline: 2 });
    await clock.pass(1_000);
    expect(watcher.topology.primary?.node).toBe('b');
    nodes.a.shows = observed({ role: 'primary', position: '99' });
    nodes.b.shows = new ProbeError('unreachable');
    await clock.pass(60_000);
    expect([watcher.topology.primary, watcher.topology.timeline]).toEqual([undefined, 2]);
    expect(changes).toEqual([
      { cluster: 'main', from: undefined, to: 'a' },
      { cluster: 'main', from: 'a', to: undefined },
      { cluster: 'main', from: undefined, to: 'b' },
      { cluster: 'main', from: 'b', to: undefined },
    ]);
  });

  test('on the same timeline is a split brain, told once', async () => {
    const splits = heard('split-brain');
    const { clock, nodes, watcher } = await watch();
    nodes.b.shows = observed({ role: 'primary', position: '11' });
    await clock.pass(5_000);
    expect(watcher.topology.primary).toBeUndefined();
    expect(splits).toEqual([{ cluster: 'main', nodes: ['a', 'b'] }]);
  });

  test('is looked for on all nodes as soon as the old one is lost', async () => {
    const { clock, nodes, watcher } = await watch();
    await clock.pass(500);
    nodes.a.shows = new ProbeError('unreachable');
    nodes.b.shows = observed({ role: 'primary', position: '11', timeline: 2 });
    await watcher.suspect('a');
    await settled();
    expect(watcher.topology.primary?.node).toBe('b');
  });

  test('fences the old one, which is told once', async () => {
    const fenced = heard('primary-fenced');
    const { clock, nodes, watcher } = await watch();
    nodes.b.shows = observed({ role: 'primary', position: '11', timeline: 2 });
    await clock.pass(5_000);
    expect(watcher.topology.fenced.map(({ node }) => node)).toEqual(['a']);
    expect(fenced).toEqual([{ cluster: 'main', node: 'a', timeline: 1, newest: 2 }]);
  });

  test('of another cluster is ignored', async () => {
    const { clock, nodes, watcher } = await watch();
    nodes.b.shows = observed({ role: 'primary', systemIdentifier: 'theirs', timeline: 9 });
    await clock.pass(5_000);
    expect([watcher.topology.primary?.node, watcher.topology.timeline]).toEqual(['a', 1]);
  });
});

describe('a cluster without a primary', () => {
  test('is told once as read-only, and once when it has a primary again', async () => {
    const changes = heard('read-only-changed');
    const { clock, nodes, watcher } = await watch();
    expect([changes, watcher.readOnly]).toEqual([[], false]);
    nodes.a.shows = new ProbeError('unreachable');
    await clock.pass(5_000);
    expect([changes, watcher.readOnly]).toEqual([[{ cluster: 'main', readOnly: true }], true]);
    nodes.b.shows = observed({ role: 'primary', position: '11', timeline: 2 });
    await clock.pass(5_000);
    expect(watcher.readOnly).toBe(false);
    expect(changes).toEqual([
      { cluster: 'main', readOnly: true },
      { cluster: 'main', readOnly: false },
    ]);
  });

  test('is read-only as soon as every node has been looked at', async () => {
    const changes = heard('read-only-changed');
    const { watcher } = await watch({ a: new FakeNode(observed()) });
    expect([changes, watcher.readOnly]).toEqual([[{ cluster: 'main', readOnly: true }], true]);
  });

  test('of a split brain is read-only too', async () => {
    const { clock, nodes, watcher } = await watch();
    const changes = heard('read-only-changed');
    nodes.b.shows = observed({ role: 'primary', position: '11' });
    await clock.pass(1_000);
    expect([changes, watcher.readOnly]).toEqual([[{ cluster: 'main', readOnly: true }], true]);
  });

  test('that is closed before it has looked at every node is told nothing of', async () => {
    const changes = heard('read-only-changed');
    const { watcher } = unstarted();
    watcher.close();
    await watcher.start();
    expect([watcher.settled, changes]).toEqual([true, []]);
  });
});

describe('a change of a node', () => {
  test('is told with its state, its role and why', async () => {
    const { nodes, watcher } = await watch();
    const changes = heard('node-changed');
    nodes.b.shows = new Error('lost');
    await watcher.suspect('b');
    expect(changes).toEqual([
      { cluster: 'main', node: 'b', from: 'up', to: 'down', role: 'replica', error: 'lost' },
    ]);
  });

  test('is told only when there is one', async () => {
    const { clock } = await watch();
    const changes = heard('node-changed');
    await clock.pass(30_000);
    expect(changes).toEqual([]);
  });
});

describe('looking again', () => {
  test('does nothing for a node that does not exist', async () => {
    const { watcher } = await watch();
    await watcher.suspect('x');
    expect(watcher.topology.primary?.node).toBe('a');
  });

  test('probes each node once for all who ask at a time', async () => {
    const { nodes, watcher } = await watch();
    const { probes } = nodes.b;
    await Promise.all(Array.from({ length: 100 }, () => watcher.suspect('b')));
    expect(nodes.b.probes - probes).toBe(2);
  });
});

describe('waiting for an answer', () => {
  const long = 600_000;

  test('ends at once when there is one', async () => {
    const { watcher } = await watch();
    expect(await watcher.waitFor(() => watcher.topology.primary?.node, long)).toBe('a');
  });

  test('ends at once without one where there is no time', async () => {
    const { watcher } = await watch();
    expect(await watcher.waitFor(() => undefined, 0)).toBeUndefined();
  });

  test('ends when a change brings it', async () => {
    const { clock, nodes, watcher } = await watch();
    nodes.a.shows = new ProbeError('unreachable');
    await clock.pass(1_000);
    const waiting = watcher.waitFor(() => watcher.topology.primary?.node, long);
    nodes.b.shows = observed({ role: 'primary', timeline: 2 });
    await clock.pass(1_000);
    expect(await waiting).toBe('b');
  });

  test('ends without one when the watcher is closed', async () => {
    const { watcher } = await watch();
    const waiting = watcher.waitFor(() => undefined, long);
    watcher.close();
    expect(await waiting).toBeUndefined();
  });
});

describe('while somebody waits', () => {
  test('nodes that are down are tried again and again, however long their pauses have become', async () => {
    const { clock, nodes, watcher } = await watch();
    nodes.a.shows = new ProbeError('unreachable');
    await clock.pass(300_000);
    const { probes } = nodes.a;
    const waiting = watcher.waitFor(() => watcher.topology.primary?.node, 600_000);
    await clock.pass(5_000);
    expect(nodes.a.probes).toBe(probes + 10);
    nodes.a.shows = observed({ role: 'primary', position: '10' });
    await clock.pass(500);
    expect(await waiting).toBe('a');
    nodes.a.shows = new ProbeError('unreachable');
    await clock.pass(300_000);
    const later = nodes.a.probes;
    await clock.pass(50_000);
    expect(nodes.a.probes).toBeLessThanOrEqual(later + 1);
  });

  test('the first look is waited for no longer than is allowed', async () => {
    const clock = new VirtualClock();
    const watcher = new ClusterWatcher({
      cluster: 'main',
      nodes: [{ name: 'a', prober: new FakeNode('silence') }],
      ...{
        probeIntervalMs: 1_000,
        probeTimeoutMs: 500,
        failureThreshold: 3,
        downtimeMs: 60_000,
        maxLagMs: 10_000,
      },
      hasReached,
      clock,
      onTopology: () => undefined,
    });
    void watcher.start();
    const waiting = watcher.waitFor(() => watcher.topology.primary, 600_000, 10);
    await clock.pass(10);
    expect(await waiting).toBeUndefined();
    watcher.close();
  });
});

describe('a watcher that is closed', () => {
  test('closes all probers and does nothing more', async () => {
    const { clock, nodes, watcher, topologies } = await watch();
    watcher.close();
    const before = [nodes.a.probes, nodes.b.probes, topologies.length];
    await watcher.suspect('b');
    await watcher.checkAll();
    await clock.pass(600_000);
    expect([nodes.a.probes, nodes.b.probes, topologies.length]).toEqual(before);
    expect([nodes.a.closed, nodes.b.closed, clock.timers]).toEqual([true, true, 0]);
  });

  test('while it starts has started', async () => {
    const node = new FakeNode('silence');
    const clock = new VirtualClock();
    const watcher = new ClusterWatcher({
      cluster: 'main',
      nodes: [{ name: 'a', prober: node }],
      probeIntervalMs: 1_000,
      probeTimeoutMs: 500,
      failureThreshold: 3,
      downtimeMs: 60_000,
      maxLagMs: 10_000,
      hasReached,
      clock,
      onTopology: () => undefined,
    });
    const starting = watcher.start();
    await settled();
    watcher.close();
    await clock.pass(500);
    await starting;
    expect([node.probes, clock.timers]).toEqual([1, 0]);
  });
});
