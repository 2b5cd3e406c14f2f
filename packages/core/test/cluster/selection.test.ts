import { describe, expect, test } from 'vitest';
import { type ReadNeed, type Selectable, selectReplicas } from '../../src/cluster/selection.js';

interface Replica extends Selectable {
  readonly name: string;
}

const replica = (name: string, lagMs: number | undefined, replayed?: string): Replica => ({
  name,
  lagMs,
  replayed,
});

const fresh = replica('fresh', 0, '30');
const near = replica('near', 100, '20');
const far = replica('far', 5_000, '10');
const unclear = replica('unclear', undefined);
const all = [far, fresh, near, unclear];

function selected(need: Partial<ReadNeed<Replica>>, replicas: readonly Replica[] = all): readonly string[] {
  const found = selectReplicas(replicas, { mustReach: true, ...need }, (a, b) => Number(a) >= Number(b));
  return found.map(({ name }) => name).sort();
}

describe('the replicas for a read', () => {
  test('are all that serve where it asks for nothing', () => {
    expect(selected({})).toEqual(['far', 'fresh', 'near', 'unclear']);
  });

  test('are those within its limit, of which the lag is known', () => {
    expect(selected({ maxLagMs: 100 })).toEqual(['fresh', 'near']);
    expect(selected({ maxLagMs: 99 })).toEqual(['fresh']);
    expect(selected({ maxLagMs: 0 })).toEqual(['fresh']);
  });

  test('are none that has failed already', () => {
    expect(selected({ without: new Set([fresh, far]) })).toEqual(['near', 'unclear']);
    expect(selected({ without: new Set([fresh]), maxLagMs: 100 })).toEqual(['near']);
    expect(selected({ without: new Set(all) })).toEqual([]);
  });
});

describe('a read that must see a position', () => {
  test('is served by those that are known to have replayed it', () => {
    expect(selected({ position: '10' })).toEqual(['far', 'fresh', 'near']);
    expect(selected({ position: '11' })).toEqual(['fresh', 'near']);
    expect(selected({ position: '30' })).toEqual(['fresh']);
  });

  test('is served by none where none is known to have', () => {
    expect(selected({ position: '31' })).toEqual([]);
    expect(selected({ position: '1' }, [unclear])).toEqual([]);
  });

  test('is served by none that lags too far, or has failed, whatever it has replayed', () => {
    expect(selected({ position: '10', maxLagMs: 100 })).toEqual(['fresh', 'near']);
    expect(selected({ position: '30', without: new Set([fresh]) })).toEqual([]);
  });
});

describe('a read that prefers a position', () => {
  test('is served by those that have it', () => {
    expect(selected({ position: '20', mustReach: false })).toEqual(['fresh', 'near']);
  });

  test('is served by the freshest where none has', () => {
    expect(selected({ position: '31', mustReach: false })).toEqual(['fresh']);
    expect(selected({ position: '31', mustReach: false, without: new Set([fresh]) })).toEqual(['near']);
  });

  test('is served by any where nothing is known of how far they are', () => {
    expect(selected({ position: '1', mustReach: false }, [unclear])).toEqual(['unclear']);
  });
});
