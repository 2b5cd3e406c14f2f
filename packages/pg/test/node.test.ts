import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { type NodeHooks, PgNode } from '../src/node.js';
import { resolvePoolOptions } from '../src/options.js';
import { PoolEvents } from '../src/pool-events.js';
import { realWorld } from '../src/world.js';
import { seen } from './seen.js';

const hooks: NodeHooks = {
  world: realWorld,
  newestTimeline: () => 1,
  onDirtyRelease: () => undefined,
  events: new PoolEvents(new EventEmitter()),
  onReplayed: () => undefined,
  onOverloaded: () => undefined,
  onSilence: () => undefined,
  onRejected: () => undefined,
};

/** A node that nobody has connected to, so that it cannot answer. */
function silentNode(): PgNode {
  const settings = resolvePoolOptions({ primary: 'postgresql://127.0.0.1:1/app' });
  return new PgNode(
    { name: 'replica', weight: 1, zone: undefined, config: {}, address: undefined },
    settings,
    hooks,
  );
}

describe('a node that did not say how far it has replayed', () => {
  test('is not asked before a probe has seen it again', async () => {
    const node = silentNode();
    node.observe(seen(1));
    expect(node.tellsReplayed).toBe(true);
    await node.look(50);
    expect(node.tellsReplayed).toBe(false);
    node.observe({ ...seen(1), failures: 1 });
    expect(node.tellsReplayed).toBe(false);
    node.observe(seen(2));
    expect(node.tellsReplayed).toBe(true);
  });
});

describe('when a node can be read from again', () => {
  test('it has come back, for those who start it slowly', () => {
    const node = silentNode();
    node.setReadable(true, 1);
    node.observe(seen(1));
    node.setReadable(false, 2);
    node.observe({ ...seen(1), state: 'down', failures: 3 });
    node.setReadable(true, 3);
    expect(node.backSince).toBe(3);
  });

  test('it has not, if it had only missed a probe', () => {
    const node = silentNode();
    node.setReadable(true, 1);
    node.observe(seen(1));
    node.setReadable(false, 2);
    node.observe({ ...seen(1), failures: 1, failure: 'no-answer' });
    node.setReadable(true, 3);
    expect(node.backSince).toBe(1);
  });
});
