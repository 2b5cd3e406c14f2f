import { describe, expect, test, vi } from 'vitest';
import type { Cluster } from '../src/cluster-registry.js';
import type { Position } from '../src/position.js';
import { ReadLog } from '../src/read-log.js';
import { aPin, further, noon } from './requests.js';

const always = (): boolean => true;

/** A cluster whose nodes show what the test says. */
function clusterShowing(
  shown: Readonly<Record<string, Position | undefined>>,
): Required<Omit<Cluster, 'events' | 'leastPosition'>> {
  return {
    name: 'main',
    readOnly: false,
    seekPrimary: () => undefined,
    currentPosition: async () => undefined,
    shownPosition: vi.fn(async (node: string) => shown[node]),
    join: further,
  };
}

async function markAfter(cluster: Cluster, nodes: readonly string[], held?: Position): Promise<unknown> {
  const log = new ReadLog();
  for (const node of nodes) log.note(cluster, node);
  await log.takePositions(always);
  const pin = held === undefined ? undefined : aPin(noon, { main: { position: held } });
  return log.marks(pin).get('main');
}

describe('the mark of a cluster that was read', () => {
  test('is the position that its node shows afterwards', async () => {
    expect(await markAfter(clusterShowing({ a: '5' }), ['a'])).toEqual({ position: '5', hold: 'seen' });
  });

  test('is the furthest where several nodes were read from', async () => {
    const cluster = clusterShowing({ a: '5', b: '9', c: '7' });
    expect(await markAfter(cluster, ['a', 'b', 'c'])).toEqual({ position: '9', hold: 'seen' });
  });

  test('is unknown where nodes were read from whose positions cannot be compared', async () => {
    const cluster = { ...clusterShowing({ a: '5', b: '9' }), join: () => undefined };
    expect(await markAfter(cluster, ['a', 'b'])).toBe('unknown');
  });

  test('is unknown where a node does not tell: it may have shown anything', async () => {
    expect(await markAfter(clusterShowing({ a: '5' }), ['a', 'b'])).toBe('unknown');
  });

  test('is unknown before anybody was asked', () => {
    const log = new ReadLog();
    log.note(clusterShowing({ a: '5' }), 'a');
    expect(log.marks(undefined).get('main')).toBe('unknown');
  });

  test('is unknown where a read came after the question', async () => {
    const log = new ReadLog();
    const cluster = clusterShowing({ a: '5' });
    log.note(cluster, 'a');
    const taking = log.takePositions(always);
    log.note(cluster, 'a');
    await taking;
    expect(log.marks(undefined).get('main')).toBe('unknown');
    await log.takePositions(always);
    expect(log.marks(undefined).get('main')).toEqual({ position: '5', hold: 'seen' });
  });

  test('is not behind what the client has seen before', async () => {
    expect(await markAfter(clusterShowing({ a: '5' }), ['a'], '7')).toEqual({ position: '7', hold: 'seen' });
    expect(await markAfter(clusterShowing({ a: '5' }), ['a'], '4')).toEqual({ position: '5', hold: 'seen' });
  });

  test('does not exist where the engine gives no positions', async () => {
    expect(await markAfter({ name: 'main', readOnly: false }, ['a'])).toBeUndefined();
  });
});

describe('asking for positions', () => {
  test('asks each node once, however often it was read from', async () => {
    const cluster = clusterShowing({ a: '5' });
    await markAfter(cluster, ['a', 'a', 'a']);
    expect(cluster.shownPosition).toHaveBeenCalledTimes(1);
  });

  test('asks nothing that is known, or not needed', async () => {
    const log = new ReadLog();
    const cluster = clusterShowing({ a: '5' });
    expect(log.takePositions(always)).toBeUndefined();
    log.note(cluster, 'a');
    expect(log.takePositions(() => false)).toBeUndefined();
    await log.takePositions(always);
    expect(log.takePositions(always)).toBeUndefined();
  });
});
