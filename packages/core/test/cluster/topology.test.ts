import { describe, expect, test } from 'vitest';
import type { NodeDescription } from '../../src/cluster/node-description.js';
import { emptyTopology, judgeTopology, type Topology } from '../../src/cluster/topology.js';
import { described } from './fake-node.js';

const primary = (node: string, news: Partial<NodeDescription> = {}): NodeDescription =>
  described(node, { role: 'primary', ...news });

function judge(...nodes: readonly NodeDescription[]): Topology {
  return judgeTopology(emptyTopology, nodes);
}

/** A topology in words. */
function names({ primary: one, replicas, splitBrain }: Topology): unknown {
  return {
    primary: one?.node,
    replicas: replicas.map(({ node }) => node),
    splitBrain: splitBrain.map(({ node }) => node),
  };
}

describe('who is who', () => {
  test('nobody is anything before a node was seen', () => {
    expect(names(judge(described('a', { state: 'connecting', role: 'unknown' })))).toEqual({
      primary: undefined,
      replicas: [],
      splitBrain: [],
    });
  });

  test('one primary and its replicas', () => {
    expect(names(judge(primary('a'), described('b'), described('c')))).toMatchObject({
      primary: 'a',
      replicas: ['b', 'c'],
    });
  });

  test.each(['connecting', 'down'] as const)('a node that is %s is nobody', (state) => {
    expect(names(judge(primary('a', { state }), described('b', { state })))).toMatchObject({
      primary: undefined,
      replicas: [],
    });
  });

  test('a replica that lags is not read from', () => {
    expect(names(judge(primary('a'), described('b', { state: 'lagging' })))).toMatchObject({ replicas: [] });
  });

  test('a judgement is frozen, and leaves the one before as it was', () => {
    const before = judge(primary('a'));
    const after = judgeTopology(before, [primary('b', { timeline: 2 })]);
    expect([Object.isFrozen(after), Object.isFrozen(after.replicas)]).toEqual([true, true]);
    expect([before.primary?.node, before.timeline]).toEqual(['a', 1]);
  });
});

describe('the primary', () => {
  test('is the one on the highest timeline', () => {
    expect(names(judge(primary('a'), primary('b', { timeline: 2 })))).toEqual({
      primary: 'b',
      replicas: [],
      splitBrain: [],
    });
  });

  test('is never looked for on a timeline that was left', () => {
    const promoted = judge(primary('b', { timeline: 2 }));
    const returned = judgeTopology(promoted, [primary('a'), primary('b', { timeline: 2, state: 'down' })]);
    expect([returned.primary, returned.timeline]).toEqual([undefined, 2]);
  });

  test('is none while only a replica has seen the newest timeline', () => {
    const topology = judge(primary('a'), described('b', { timeline: 2 }));
    expect([topology.primary, topology.timeline]).toEqual([undefined, 2]);
  });

  test('is taken at its word where its timeline is hidden', () => {
    expect(judge(primary('a', { timeline: undefined }), described('b')).primary?.node).toBe('a');
  });
});

describe('a replica whose last probe has failed', () => {
  const unsure = described('b', { failures: 1 });

  test('is not read from while another replica can serve', () => {
    const topology = judge(primary('a', { failures: 1 }), unsure, described('c'));
    expect(names(topology)).toMatchObject({ replicas: ['c'] });
  });

  test('is not read from while the primary can serve', () => {
    expect(names(judge(primary('a'), unsure))).toMatchObject({ replicas: [] });
  });

  test('is read from where no other node is any surer', () => {
    expect(names(judge(unsure, described('c', { failures: 2 })))).toMatchObject({ replicas: ['b', 'c'] });
    expect(names(judge(primary('a', { failures: 1 }), unsure))).toMatchObject({ replicas: ['b'] });
  });
});

describe('a primary on a timeline that was left', () => {
  test('is fenced, alone too', () => {
    const left = primary('a', { timeline: 1 });
    const both = judge(left, primary('b', { timeline: 2 }));
    const alone = judgeTopology(both, [left]);
    expect(both.fenced.map(({ node }) => node)).toEqual(['a']);
    expect(alone.fenced.map(({ node }) => node)).toEqual(['a']);
    expect(alone.primary).toBeUndefined();
  });

  test('is fenced no more once it has come back as a replica', () => {
    const both = judge(primary('a', { timeline: 1 }), primary('b', { timeline: 2 }));
    const after = judgeTopology(both, [described('a', { timeline: 2 }), primary('b', { timeline: 2 })]);
    expect(after.fenced).toEqual([]);
    expect(names(after)).toMatchObject({ primary: 'b', replicas: ['a'] });
  });
});

describe('a split brain', () => {
  test('is two primaries on one timeline: neither counts, and the replicas are read from', () => {
    expect(names(judge(primary('a'), primary('b'), described('c')))).toEqual({
      primary: undefined,
      replicas: ['c'],
      splitBrain: ['a', 'b'],
    });
  });

  test('ends when one of them is gone', () => {
    const split = judge(primary('a'), primary('b'));
    expect(names(judgeTopology(split, [primary('a'), primary('b', { state: 'down' })]))).toMatchObject({
      primary: 'a',
      splitBrain: [],
    });
  });

  test('ends when one of them is on a newer timeline', () => {
    const split = judge(primary('a'), primary('b'));
    expect(names(judgeTopology(split, [primary('a'), primary('b', { timeline: 2 })]))).toMatchObject({
      primary: 'b',
      splitBrain: [],
    });
  });
});

describe('a node with the data of another cluster', () => {
  test.each([
    ['before ours', [primary('x', { systemIdentifier: 'theirs', timeline: 9 }), primary('a')]],
    ['after ours', [primary('a'), primary('x', { systemIdentifier: 'theirs', timeline: 9 })]],
  ])('is ignored, with its timeline: %s', (_, nodes) => {
    const topology = judgeTopology(judge(primary('a')), nodes);
    expect(names(topology)).toEqual({ primary: 'a', replicas: [], splitBrain: [] });
    expect(topology.timeline).toBe(1);
  });

  test('is ignored as a replica', () => {
    expect(names(judge(primary('a'), described('x', { systemIdentifier: 'theirs' })))).toMatchObject({
      replicas: [],
    });
  });

  test('is ignored also while no node of ours answers', () => {
    const ours = judge(primary('a'));
    const alone = [primary('a', { state: 'down' }), primary('x', { systemIdentifier: 'theirs' })];
    expect(names(judgeTopology(ours, alone))).toMatchObject({ primary: undefined });
  });

  test('is told by the first primary rather than by a replica that stands before it', () => {
    const topology = judge(described('x', { systemIdentifier: 'theirs' }), primary('a'));
    expect(topology.systemIdentifier).toBe('ours');
    expect(names(topology)).toMatchObject({ primary: 'a', replicas: [] });
  });

  test('that was seen before any primary, on a replica, gives way to that of the first primary', () => {
    const misled = judge(described('x', { systemIdentifier: 'theirs', timeline: 9 }));
    expect(names(misled)).toMatchObject({ replicas: ['x'] });
    const nodes = [described('x', { systemIdentifier: 'theirs', timeline: 9 }), primary('a'), described('b')];
    const topology = judgeTopology(misled, nodes);
    expect(topology).toMatchObject({ systemIdentifier: 'ours', timeline: 1 });
    expect(names(topology)).toEqual({ primary: 'a', replicas: ['b'], splitBrain: [] });
  });

  test('cannot be told where a node hides its identifier: it is one of ours', () => {
    expect(names(judge(primary('a'), described('b', { systemIdentifier: undefined })))).toMatchObject({
      replicas: ['b'],
    });
  });
});
