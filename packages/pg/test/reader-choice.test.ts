import type { Decision } from '@node-replicated/core/adapter';
import { ClusterWatcher, systemClock } from '@node-replicated/core/cluster';
import { describe, expect, test } from 'vitest';
import { formatPosition, hasReached } from '../src/lsn.js';
import { PgNode } from '../src/node.js';
import { resolvePoolOptions } from '../src/options.js';
import { ReaderChoice } from '../src/reader-choice.js';
import { realWorld } from '../src/world.js';

const settings = resolvePoolOptions({ primary: 'postgresql://127.0.0.1:1/app' });
const at = (lsn: bigint): string => formatPosition({ systemIdentifier: 7n, timeline: 1, lsn });
const pinned: Decision = {
  role: 'replica',
  reason: 'caught-up',
  writes: false,
  rule: undefined,
  position: at(10n),
};
const onPrimary: Decision = { ...pinned, role: 'primary', reason: 'method', position: undefined };
const anywhere: Decision = { ...pinned, reason: 'method', position: undefined };

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
    node.replayed = at(10n);
    const claim = readers.claimOf(node, pinned);
    expect(readers.holds(node, claim, pinned)).toBe(true);
    node.replayed = at(9n);
    expect(readers.holds(node, claim, pinned)).toBe(false);
    node.replayed = undefined;
    expect(readers.holds(node, claim, pinned)).toBe(false);
  });

  test('holds for a read that any node may serve, whatever becomes of it', () => {
    const { readers, node } = chosen();
    const claim = readers.claimOf(node, anywhere);
    node.replayed = undefined;
    node.setReadable(false, 0);
    expect(readers.holds(node, claim, anywhere)).toBe(true);
  });
});

/** A replica that may be read from, of a cluster whose system was seen. */
function chosen(): { readonly readers: ReaderChoice; readonly node: PgNode } {
  const watcher = new ClusterWatcher({
    ...settings,
    cluster: 'main',
    nodes: [],
    hasReached,
    clock: systemClock,
    onTopology: () => undefined,
  });
  Object.defineProperty(watcher, 'topology', { value: { systemIdentifier: '7', splitBrain: [] } });
  const node = new PgNode(
    { name: 'replica', weight: 1, zone: undefined, config: {}, address: undefined },
    settings,
    {
      newestTimeline: () => 1,
      onPool: () => undefined,
      onPoolGone: () => undefined,
      onReplayed: () => undefined,
      onOverloaded: () => undefined,
      onSilence: () => undefined,
      onRejected: () => undefined,
      world: realWorld,
    },
  );
  node.setReadable(true, 0);
  const readers = new ReaderChoice({
    watcher,
    balance: ([first]) => first as never,
    clock: systemClock,
    settings,
    replicas: () => [node],
    primary: () => undefined,
    waitMs: () => 0,
    lookAround: () => undefined,
  });
  return { readers, node };
}
