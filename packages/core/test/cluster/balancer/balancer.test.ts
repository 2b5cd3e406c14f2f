import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Balanced } from '../../../src/cluster/balancer/balanced.js';
import { type BalancerName, createBalancer } from '../../../src/cluster/balancer/balancer.js';
import { thrownBy } from '../../requests.js';
import { balancer, type Candidate, candidate, seeded, shares, watched } from './candidates.js';

const all: readonly BalancerName[] = ['least-busy', 'round-robin', 'random', 'fastest'];

const idle = (...names: readonly string[]): Candidate[] => names.map((name) => candidate(name));
const busy = (...loads: readonly number[]): Candidate[] =>
  loads.map((load, index) => candidate('abcdefgh'[index] ?? '', { busy: load }));

const anyCandidate = fc.record({
  name: fc.string(),
  busy: fc.nat(20),
  capacity: fc.integer({ min: 1, max: 10 }),
  weight: fc.integer({ min: 1, max: 100 }),
  zone: fc.constantFrom(undefined, 'here', 'there'),
  latencyMs: fc.option(fc.double({ min: 0, max: 1_000, noNaN: true }), { nil: undefined }),
  backSince: fc.option(fc.nat(1_000), { nil: undefined }),
});

describe.each(all)('%s', (name) => {
  test('chooses one of the candidates, whatever they are and whatever chance gives', () => {
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    const lists = fc.array(fc.array(anyCandidate, { minLength: 1, maxLength: 12 }), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(lists, fc.array(chance, { minLength: 1 }), fc.boolean(), (candidates, chances, inZone) => {
        let turn = 0;
        const balance = balancer(name, {
          random: () => chances[turn++ % chances.length] ?? 0,
          now: () => 1_000,
          zone: inZone ? 'here' : undefined,
          slowStartMs: 500,
        });
        for (const list of [...candidates, ...candidates]) {
          for (let time = 0; time < 3; time += 1) expect(list).toContain(balance(list));
        }
      }),
    );
  });

  test('chooses each of equal candidates about equally often', () => {
    const equal = idle('a', 'b', 'c', 'd').map((one) => ({ ...one, latencyMs: 1 }));
    for (const share of Object.values(shares(balancer(name), equal))) expect(share).toBeCloseTo(0.25, 1);
  });

  test('chooses idle candidates about as often as they weigh', () => {
    const weights = { a: 1, b: 2, c: 5, d: 12 };
    // The fastest of two is not a question of weight alone.
    const list = Object.entries(weights).map(([key, weight]) => candidate(key, { weight, latencyMs: 0 }));
    const got = shares(balancer(name), list);
    for (const [key, weight] of Object.entries(weights)) {
      expect(Math.abs((got[key] ?? 0) - weight / 20)).toBeLessThan(
        name === 'random' || name === 'round-robin' ? 0.01 : 0.05,
      );
    }
  });

  test.each([undefined, 'there'])(
    'looks at no more of the candidates when there are more (zone: %s)',
    (zone) => {
      const looksAmong = (length: number): number => {
        const list = Array.from({ length }, (_, index) =>
          candidate(`n${index}`, {
            weight: 1 + (index % 3),
            zone: index % 2 === 0 ? 'here' : 'there',
            backSince: index % 5 === 0 ? 900 : undefined,
          }),
        );
        const seen = watched(list);
        const balance = balancer(name, { now: () => 1_000, zone, slowStartMs: 500 });
        balance(seen.list);
        const before = seen.looks;
        for (let time = 0; time < 1_000; time += 1) balance(seen.list);
        return seen.looks - before;
      };
      expect(looksAmong(1_000)).toBeLessThan(20_000);
    },
  );

  test('is not troubled when candidates come and go', () => {
    const balance = balancer(name);
    for (const length of [5, 1, 3, 2, 8, 1, 4]) {
      const list = busy(...Array.from({ length }, () => 0));
      expect(list).toContain(balance(list));
    }
  });

  test('says so when there is nothing to choose from', () => {
    expect(thrownBy(() => balancer(name)([]))).toBeInstanceOf(RangeError);
  });
});

describe('least-busy', () => {
  test('never chooses the one with the most to do', () => {
    expect(shares(balancer('least-busy'), busy(1, 2, 9))).toMatchObject({ c: 0 });
  });

  test('looks at two different candidates', () => {
    for (const chance of [0, 0.3, 0.6, 0.999_999])
      expect(balancer('least-busy', { random: () => chance })(busy(1, 0)).name).toBe('b');
  });

  test('keeps queues level', () => {
    const candidates = busy(0, 0, 0, 0, 0);
    const balance = balancer('least-busy');
    for (let time = 0; time < 1_000; time += 1) balance(candidates).busy += 1;
    const queues = candidates.map((one) => one.busy);
    expect(Math.max(...queues) - Math.min(...queues)).toBeLessThan(15);
  });

  test('keeps queues as long as the weights say', () => {
    const candidates = [candidate('a'), candidate('b', { weight: 3 })];
    const balance = balancer('least-busy');
    for (let time = 0; time < 1_000; time += 1) balance(candidates).busy += 1;
    expect((candidates[1]?.busy ?? 0) / (candidates[0]?.busy ?? 1)).toBeCloseTo(3, 1);
  });
});

describe('fastest', () => {
  test('never chooses the slowest of idle ones', () => {
    const list = [1, 2, 9].map((latencyMs, index) => candidate('abc'[index] ?? '', { latencyMs }));
    expect(shares(balancer('fastest'), list)).toMatchObject({ c: 0 });
  });

  test('chooses a slower one when the fast one has too much to do', () => {
    const list = [candidate('fast', { latencyMs: 1, busy: 9 }), candidate('slow', { latencyMs: 5 })];
    expect(balancer('fastest')(list).name).toBe('slow');
    expect(balancer('fastest')([candidate('fast', { latencyMs: 1, busy: 3 }), ...list.slice(1)]).name).toBe(
      'fast',
    );
  });
});

describe('round-robin', () => {
  test('takes the candidates in turn', () => {
    const balance = balancer('round-robin');
    const candidates = busy(0, 0, 0);
    expect(Array.from({ length: 6 }, () => balance(candidates).name).join('')).toMatch(/^(bca){2}$/);
  });

  test('lets none wait for much longer than its weight says', () => {
    const list = [candidate('a'), candidate('b', { weight: 2 }), candidate('c', { weight: 4 })];
    const balance = balancer('round-robin');
    const turns = Array.from({ length: 700 }, () => balance(list).name).join('');
    expect(Math.max(...turns.split('a').map(({ length }) => length))).toBeLessThan(21);
    expect(turns.split('a').length - 1).toBeGreaterThan(90);
  });
});

describe('a balancer of the application', () => {
  test('is taken as it is', () => {
    const last = <T extends Balanced>(candidates: readonly T[]): T => candidates.at(-1) as T;
    const settings = { random: seeded(), now: () => 0, zone: 'here', slowStartMs: 1_000 };
    expect(createBalancer(last, settings)).toBe(last);
  });

  test('has to be one', () => {
    expect(thrownBy(() => balancer('best' as 'random'))).toMatchObject({ code: 'ERR_OPTION' });
  });
});
