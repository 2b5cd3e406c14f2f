import { describe, expect, test } from 'vitest';
import { balancer, type Candidate, candidate, shares } from './candidates.js';

function inZones(news: Partial<Candidate> = {}): Candidate[] {
  return [
    candidate('near-1', { zone: 'here', ...news }),
    candidate('near-2', { zone: 'here', ...news }),
    candidate('far-1', { zone: 'there' }),
    candidate('far-2', { zone: 'there' }),
  ];
}

describe.each(['least-busy', 'round-robin', 'random', 'fastest'] as const)('with %s, reads', (name) => {
  const share = (list: readonly Candidate[], zone = 'here', slowStartMs = 0): number => {
    const got = shares(balancer(name, { zone, slowStartMs }), list);
    return (got['near-1'] ?? 0) + (got['near-2'] ?? 0);
  };

  test('stay in the zone', () => {
    expect(share(inZones())).toBe(1);
  });

  test('stay in the zone while one node there has room', () => {
    const [full, ...others] = inZones();
    expect(share([{ ...(full as Candidate), busy: 10 }, ...others])).toBeGreaterThan(0.7);
  });

  test('go elsewhere when the zone is overloaded', () => {
    expect(share(inZones({ busy: 10 }))).toBeLessThan(0.6);
    expect(share(inZones({ busy: 10 }).toSpliced(1, 1))).toBeLessThan(0.6);
  });

  test('stay in the zone when all others are overloaded too', () => {
    expect(share(inZones().map((one) => ({ ...one, busy: 10 })))).toBe(1);
  });

  test('go elsewhere when the zone is empty', () => {
    expect(share(inZones(), 'nowhere')).toBeCloseTo(0.5, 1);
  });

  test('go elsewhere while the only node of the zone is warming up', () => {
    const [first, , ...far] = inZones({ backSince: 0 });
    const list = [first as Candidate, ...far];
    expect(share(list, 'here', 1_000)).toBeLessThan(0.3);
    expect(share(list)).toBe(1);
  });

  test('follow the nodes when they come and go', () => {
    const balance = balancer(name, { zone: 'here' });
    expect(balance(inZones()).zone).toBe('here');
    expect(balance(inZones().slice(2)).zone).toBe('there');
    expect(balance(inZones()).zone).toBe('here');
  });
});
