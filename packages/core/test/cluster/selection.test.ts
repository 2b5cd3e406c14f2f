import { describe, expect, test } from 'vitest';
import { selectReplicas } from '../../src/cluster/selection.js';
import { emptyTopology, judgeTopology } from '../../src/cluster/topology.js';
import { described } from './fake-node.js';

const topology = judgeTopology(emptyTopology, [
  described('fresh', { lagMs: 0 }),
  described('near', { lagMs: 100 }),
  described('far', { lagMs: 5_000 }),
  described('unclear', { lagMs: undefined }),
  described('lagging', { lagMs: 90_000, state: 'lagging' }),
]);

const selected = (maxLagMs?: number): readonly string[] =>
  selectReplicas(topology, { maxLagMs }).map(({ node }) => node);

describe('the replicas for a read', () => {
  test('are all that serve where it sets no limit', () => {
    expect(selected()).toEqual(['fresh', 'near', 'far', 'unclear']);
  });

  test('are those within its limit, of which the lag is known', () => {
    expect(selected(100)).toEqual(['fresh', 'near']);
    expect(selected(99)).toEqual(['fresh']);
    expect(selected(0)).toEqual(['fresh']);
  });

  test('are never those that lag too far for the pool, whatever the read allows', () => {
    expect(selected(1_000_000)).toEqual(['fresh', 'near', 'far']);
  });
});
