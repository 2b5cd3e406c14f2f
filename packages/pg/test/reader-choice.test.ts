import { EventEmitter } from 'node:events';
import type { Decision } from '@node-replicated/core/adapter';
import { ClusterWatcher, systemClock } from '@node-replicated/core/cluster';
import { describe, expect, test } from 'vitest';
import { formatPosition, hasReached } from '../src/lsn.js';
import { PgNode } from '../src/node.js';
import { resolvePoolOptions } from '../src/options.js';
import { PoolEvents } from '../src/pool-events.js';
import { ReaderChoice } from '../src/reader-choice.js';
import { realWorld } from '../src/world.js';
import { seen } from './seen.js';

const settings = resolvePoolOptions({ primary: 'postgresql://127.0.0.1:1/app' });
const at = (lsn: bigint, timeline = 1): string => formatPosition({ systemIdentifier: 7n, timeline, lsn });
const pinned: Decision = {
  role: 'replica',
  reason: 'caught-up',
  writes: false,
  rule: undefined,
  position: at(10n),
  pinned: at(10n),
};
const onPrimary: Decision = { ...pinned, role: 'primary', reason: 'method', position: undefined };
const anywhere: Decision = { ...pinned, reason: 'method', position: undefined, pinned: undefined };

describe('a node whose connection was waited for', () => {
  test('holds as the primary while it is the primary', () => {
    const { readers, node } = chosen();
    node.isPrimary = true;
    const claim = readers.claimOf(node, onPrimary);
    expect(readers.holds(node, claim, onPrimary)).toBe(true);
    node.isPrimary = false;
    expect(readers.holds(node, claim, onPrimary)).toBe(false);
  });

  test('holds as one that has caught up while it has what the client wrote', () => {
    const { readers, node } = chosen();
    node.observe(seen(1, at(10n)));
    const claim = readers.claimOf(node, pinned);
    expect(readers.holds(node, claim, pinned)).toBe(true);
    node.observe(seen(2, at(9n)));
    expect(readers.holds(node, claim, pinned)).toBe(false);
    node.observe(seen(3));
    expect(readers.holds(node, claim, pinned)).toBe(false);
  });

  test('holds for a read that any node may serve, whatever becomes of it', () => {
    const { readers, node } = chosen();
    const claim = readers.claimOf(node, anywhere);
    node.observe(seen(1));
    node.setReadable(false, 0);
    expect(readers.holds(node, claim, anywhere)).toBe(true);
  });
});

describe('a primary of an older timeline than the client has met', () => {
  const promoted = at(5n, 2);
  const strong: Decision = { ...onPrimary, pinned: promoted };
  const caughtUp: Decision = { ...pinned, position: promoted, pinned: promoted };
  const forced: Decision = { ...caughtUp, reason: 'forced' };

  test.each([
    ['of the primary', strong],
    ['that has to see what the client wrote', caughtUp],
  ])('serves no read %s', (_, decision) => {
    const { readers, node } = chosen('primary');
    expect(readers.now(decision, undefined)).toBeUndefined();
    expect(readers.instead(decision, undefined, new Set())).toBeUndefined();
    expect(readers.suits(node, decision)).toBe(false);
  });

  test('has the nodes looked at by a read that does not wait', async () => {
    const { readers, looks } = chosen('primary');
    expect(await readers.find(strong, undefined)).toBeUndefined();
    expect(looks).toHaveLength(1);
  });

  test('serves a read for which the position is a preference', () => {
    const { readers, node } = chosen('primary');
    expect(readers.now(forced, undefined)).toBe(node);
    expect(readers.suits(node, forced)).toBe(true);
  });

  test('serves everybody else', () => {
    const { readers, node } = chosen('primary');
    for (const decision of [onPrimary, { ...onPrimary, pinned: at(5n) }, pinned]) {
      expect(readers.now(decision, undefined)).toBe(node);
    }
  });
});

/** The only node of a cluster whose system was seen: a replica that may be read from, or the primary. */
function chosen(role: 'primary' | 'replica' = 'replica'): {
  readonly readers: ReaderChoice;
  readonly node: PgNode;
  /** One for each time that somebody wanted all nodes looked at. */
  readonly looks: readonly unknown[];
} {
  const watcher = new ClusterWatcher({
    ...settings,
    cluster: 'main',
    nodes: [],
    hasReached,
    clock: systemClock,
    onTopology: () => undefined,
  });
  Object.defineProperty(watcher, 'topology', {
    value: { systemIdentifier: '7', timeline: 1, splitBrain: [] },
  });
  Object.defineProperty(watcher, 'settled', { value: true });
  const node = new PgNode(
    { name: 'replica', weight: 1, zone: undefined, config: {}, address: undefined },
    settings,
    {
      newestTimeline: () => 1,
      onDirtyRelease: () => undefined,
      events: new PoolEvents(new EventEmitter()),
      onReplayed: () => undefined,
      onOverloaded: () => undefined,
      onSilence: () => undefined,
      onRejected: () => undefined,
      world: realWorld,
    },
  );
  node.setReadable(role === 'replica', 0);
  node.isPrimary = role === 'primary';
  const looks: unknown[] = [];
  const readers = new ReaderChoice({
    watcher,
    balance: ([first]) => first as never,
    clock: systemClock,
    settings,
    replicas: () => (role === 'replica' ? [node] : []),
    primary: () => (role === 'primary' ? node : undefined),
    waitMs: () => 0,
    lookAround: () => void looks.push(undefined),
  });
  return { readers, node, looks };
}
