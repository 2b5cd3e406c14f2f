import { afterEach, describe, expect, test } from 'vitest';
import type { NodeDescription } from '../../src/cluster/node-description.js';
import { ClusterWatcher, type Watchable } from '../../src/cluster/watcher.js';
import { onReplicationEvent } from '../../src/events.js';
import { FakeNode, hasReached, observed, ProbeError } from './fake-node.js';
import { settled, VirtualClock } from './virtual-clock.js';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function newWatcher(clock: VirtualClock, nodes: readonly Watchable[]): ClusterWatcher {
  const watcher = new ClusterWatcher({
    cluster: 'main',
    nodes,
    probeIntervalMs: 1_000,
    probeTimeoutMs: 500,
    failureThreshold: 3,
    downtimeMs: 60_000,
    maxLagMs: 10_000,
    hasReached,
    clock,
    onTopology: () => undefined,
  });
  stops.push(() => watcher.close());
  return watcher;
}

interface Watched {
  readonly clock: VirtualClock;
  readonly a: FakeNode;
  readonly b: FakeNode;
  readonly watcher: ClusterWatcher;
}

/** Watches `a`, a primary, and `b`, its replica. */
async function watch(): Promise<Watched> {
  const clock = new VirtualClock();
  const a = new FakeNode(observed({ role: 'primary', position: '10' }));
  const b = new FakeNode(observed({ position: '10' }));
  const watcher = newWatcher(clock, [
    { name: 'a', prober: a },
    { name: 'b', prober: b },
  ]);
  await watcher.start();
  return { clock, a, b, watcher };
}

const names = ({ nodes }: ClusterWatcher): readonly string[] => nodes.map(({ node }) => node);
const replicas = ({ topology }: ClusterWatcher): readonly string[] =>
  topology.replicas.map(({ node }) => node);
const ignore = (): void => undefined;

describe('a node that is added', () => {
  test('is looked at at once, and serves', async () => {
    const { watcher } = await watch();
    watcher.add({ name: 'c', prober: new FakeNode(observed({ position: '10' })) });
    await settled();
    expect([names(watcher), replicas(watcher)]).toEqual([
      ['a', 'b', 'c'],
      ['b', 'c'],
    ]);
  });

  test('that is slow at first is looked at twice', async () => {
    const { clock, watcher } = await watch();
    const slow = new FakeNode('silence');
    watcher.add({ name: 'c', prober: slow });
    await settled();
    slow.shows = observed({ position: '10' });
    await clock.pass(500);
    expect(replicas(watcher)).toEqual(['b', 'c']);
  });

  test('can be the primary that somebody waits for', async () => {
    const { clock, a, watcher } = await watch();
    a.shows = new ProbeError('unreachable');
    await clock.pass(1_000);
    const waiting = watcher.waitFor(() => watcher.topology.primary?.node, 600_000);
    watcher.add({ name: 'c', prober: new FakeNode(observed({ role: 'primary', timeline: 2 })) });
    expect(await waiting).toBe('c');
  });

  test('after the end is closed at once', async () => {
    const { watcher } = await watch();
    watcher.close();
    const late = new FakeNode();
    watcher.add({ name: 'c', prober: late });
    await settled();
    expect([late.closed, late.probes]).toEqual([true, 0]);
  });
});

describe('a node that is removed', () => {
  test('is gone from the list and the topology at once', async () => {
    const { watcher } = await watch();
    watcher.remove('b', ignore);
    expect([names(watcher), replicas(watcher)]).toEqual([['a'], []]);
  });

  test('as the primary leaves none, which is told', async () => {
    const changes: unknown[] = [];
    const { watcher } = await watch();
    stops.push(onReplicationEvent('primary-changed', (event) => changes.push(event)));
    watcher.remove('a', ignore);
    expect(watcher.topology.primary).toBeUndefined();
    expect(changes).toEqual([{ cluster: 'main', from: 'a', to: undefined }]);
  });

  test('keeps its timeline: an older one is not returned to', async () => {
    const { clock, b, watcher } = await watch();
    b.shows = observed({ role: 'primary', position: '11', timeline: 2 });
    await clock.pass(1_000);
    watcher.remove('b', ignore);
    await clock.pass(10_000);
    expect([watcher.topology.primary, watcher.topology.timeline]).toEqual([undefined, 2]);
  });

  test('is watched for those who still use it, and for nobody else', async () => {
    const { clock, b, watcher } = await watch();
    const seen: NodeDescription[] = [];
    watcher.remove('b', (description) => seen.push(description));
    const { topology } = watcher;
    b.shows = new ProbeError('unreachable');
    await clock.pass(1_000);
    expect(seen.map(({ state }) => state)).toEqual(['down']);
    expect(watcher.topology.replicas).toEqual(topology.replicas);
  });

  test('is not probed any more once nobody uses it', async () => {
    const { clock, b, watcher } = await watch();
    const stopWatching = watcher.remove('b', ignore);
    await clock.pass(2_000);
    const { probes } = b;
    stopWatching();
    await clock.pass(60_000);
    expect([b.probes - probes, b.closed]).toEqual([0, true]);
  });

  test('while it is probed changes nothing when its answer comes', async () => {
    const { clock, b, watcher } = await watch();
    b.shows = 'silence';
    await clock.pass(1_000);
    watcher.remove('b', ignore)();
    await clock.pass(60_000);
    expect([names(watcher), b.givenUp]).toEqual([['a'], 1]);
  });

  test('can come back, as another one, under its name', async () => {
    const { clock, b, watcher } = await watch();
    const stopWatching = watcher.remove('b', ignore);
    const next = new FakeNode(observed({ position: '10' }));
    watcher.add({ name: 'b', prober: next });
    await settled();
    b.shows = new ProbeError('unreachable');
    await clock.pass(1_000);
    expect(replicas(watcher)).toEqual(['b']);
    stopWatching();
    expect([b.closed, next.closed]).toEqual([true, false]);
  });

  test('that does not exist is none', async () => {
    const { watcher } = await watch();
    watcher.remove('x', ignore)();
    expect(names(watcher)).toEqual(['a', 'b']);
  });

  test('and still used is let go with all others at the end', async () => {
    const { clock, b, watcher } = await watch();
    watcher.remove('b', ignore);
    watcher.close();
    await clock.pass(60_000);
    expect([b.closed, clock.timers]).toEqual([true, 0]);
  });
});

describe('a watcher whose nodes are still to be found', () => {
  /** Begins to watch, with a function that says that nodes were found. */
  function begin(clock = new VirtualClock()): {
    clock: VirtualClock;
    watcher: ClusterWatcher;
    find: () => void;
    starting: Promise<void>;
  } {
    const watcher = newWatcher(clock, []);
    let find = (): void => undefined;
    const found = new Promise<void>((resolve) => {
      find = resolve;
    });
    return { clock, watcher, find, starting: watcher.start(found) };
  }

  test('is settled only when they are found and looked at', async () => {
    const { watcher, find, starting } = begin();
    await settled();
    expect(watcher.settled).toBe(false);
    watcher.add({ name: 'a', prober: new FakeNode(observed({ role: 'primary' })) });
    find();
    await starting;
    expect([watcher.settled, watcher.topology.primary?.node]).toEqual([true, 'a']);
  });

  test('probes each of them once', async () => {
    const { watcher, find, starting } = begin();
    const a = new FakeNode(observed({ role: 'primary' }));
    watcher.add({ name: 'a', prober: a });
    find();
    await starting;
    expect(a.probes).toBe(1);
  });

  test('lets a statement wait for them', async () => {
    const { watcher, find } = begin();
    const waiting = watcher.waitFor(() => watcher.topology.primary?.node, 0);
    await settled();
    watcher.add({ name: 'a', prober: new FakeNode(observed({ role: 'primary' })) });
    find();
    expect(await waiting).toBe('a');
  });

  test('looks at those too that come while it looks at the first ones', async () => {
    const { clock, watcher, find, starting } = begin();
    watcher.add({ name: 'a', prober: new FakeNode('silence') });
    find();
    await settled();
    watcher.add({ name: 'b', prober: new FakeNode(observed({ role: 'primary' })) });
    await settled();
    expect(watcher.topology.primary?.node).toBe('b');
    await clock.pass(1_000);
    await starting;
  });
});
