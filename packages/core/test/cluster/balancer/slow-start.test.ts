import { describe, expect, test } from 'vitest';
import type { BalancerName } from '../../../src/cluster/balancer/balancer.js';
import { balancer, type Candidate, candidate, shares } from './candidates.js';

const slowStartMs = 10_000;

/** The share of a node that came back so many ms ago beside others that were always there. */
function shareAfter(name: BalancerName, ms: number, others = 1): number {
  const list = [
    candidate('back', { backSince: 0 }),
    ...Array.from({ length: others }, (_, i) => candidate(`n${i}`)),
  ];
  return shares(balancer(name, { slowStartMs, now: () => ms }), list).back ?? 0;
}

describe.each(['least-busy', 'round-robin', 'random', 'fastest'] as const)('with %s', (name) => {
  test('a node that came back gets a tenth of its share at first, and all of it in the end', () => {
    for (const others of [1, 3]) {
      const full = 1 / (others + 1);
      expect(Math.abs(shareAfter(name, 0, others) - full / 10)).toBeLessThan(0.02);
      expect(Math.abs(shareAfter(name, slowStartMs / 2, others) - full / 2)).toBeLessThan(0.04);
      expect(Math.abs(shareAfter(name, slowStartMs, others) - full)).toBeLessThan(0.02);
    }
  });

  test('its share never shrinks meanwhile', () => {
    const curve = [0, 2_000, 4_000, 6_000, 8_000, 10_000, 60_000].map((ms) => shareAfter(name, ms));
    for (const [index, share] of curve.entries()) expect(share + 0.02).toBeGreaterThan(curve[index - 1] ?? 0);
  });

  test('the only node gets everything at once', () => {
    expect(shareAfter(name, 0, 0)).toBe(1);
  });

  test('nodes that came back together share alike', () => {
    const list = ['a', 'b'].map((key) => candidate(key, { backSince: 0 }));
    expect(shares(balancer(name, { slowStartMs }), list).a).toBeCloseTo(0.5, 1);
  });

  test('it can be switched off', () => {
    const list = [candidate('back', { backSince: 0 }), candidate('other')];
    expect(shares(balancer(name, { slowStartMs: 0 }), list).back).toBeCloseTo(0.5, 1);
  });
});

test('least-busy does not heap load on it because it is idle', () => {
  const list: Candidate[] = [candidate('back', { backSince: 0 }), candidate('other', { busy: 8 })];
  expect(shares(balancer('least-busy', { slowStartMs }), list).back).toBeLessThan(0.12);
});
