import { describe, expect, test } from 'vitest';
import { type Balanced, type BalancerName, createBalancer } from '../../src/cluster/balancer.js';
import { thrownBy } from '../requests.js';

interface Node extends Balanced {
  readonly name: string;
  busy: number;
}

const nodes = (...busy: readonly number[]): Node[] =>
  busy.map((busy, i) => ({ name: 'abcdefgh'[i] ?? '', busy }));

/** A chance that goes through all its values, evenly. */
function evenly(): () => number {
  let turn = 0;
  return () => {
    turn = (turn + 0.618_033_988_75) % 1;
    return turn;
  };
}

function choices(
  name: BalancerName,
  candidates: readonly Node[],
  times: number,
): Readonly<Record<string, number>> {
  const balance = createBalancer(name, evenly());
  const count: Record<string, number> = {};
  for (let time = 0; time < times; time += 1) {
    const { name: chosen } = balance(candidates);
    count[chosen] = (count[chosen] ?? 0) + 1;
  }
  return count;
}

describe.each(['least-busy', 'round-robin', 'random'] as const)('%s', (name) => {
  test('chooses the only candidate', () => {
    for (const chance of [0, 0.5, 0.999_999])
      expect(createBalancer(name, () => chance)(nodes(7)).name).toBe('a');
  });

  test('chooses one of the candidates, whatever chance gives', () => {
    for (const chance of [0, 0.25, 0.5, 0.75, 0.999_999])
      for (let length = 1; length < 8; length += 1) {
        const candidates = nodes(...Array.from({ length }, (_, busy) => busy));
        expect(candidates).toContain(createBalancer(name, () => chance)(candidates));
      }
  });

  test('chooses each of equal candidates about equally often', () => {
    const count = choices(name, nodes(0, 0, 0, 0), 4_000);
    expect(Object.keys(count).sort()).toEqual(['a', 'b', 'c', 'd']);
    for (const times of Object.values(count)) expect(Math.abs(times - 1_000)).toBeLessThan(150);
  });

  test('is not troubled when candidates come and go', () => {
    const balance = createBalancer(name, evenly());
    for (const length of [5, 1, 3, 2, 8, 1, 4])
      expect(balance(nodes(...Array.from({ length }, () => 0)))).toBeDefined();
  });

  test('says so when there is nothing to choose from', () => {
    expect(thrownBy(() => createBalancer(name, () => 0)([]))).toBeInstanceOf(RangeError);
  });
});

describe('least-busy', () => {
  test('never chooses the one with the most to do', () => {
    const count = choices('least-busy', nodes(1, 2, 9), 300);
    expect(Object.keys(count).sort()).toEqual(['a', 'b']);
  });

  test('looks at two different candidates', () => {
    for (const chance of [0, 0.3, 0.6, 0.999_999])
      expect(createBalancer('least-busy', () => chance)(nodes(1, 0)).name).toBe('b');
  });

  test('keeps queues level', () => {
    const candidates = nodes(0, 0, 0, 0, 0);
    const balance = createBalancer('least-busy', evenly());
    for (let time = 0; time < 1_000; time += 1) balance(candidates).busy += 1;
    const queues = candidates.map(({ busy }) => busy);
    expect(Math.max(...queues) - Math.min(...queues)).toBeLessThan(15);
  });
});

describe('round-robin', () => {
  test('takes the candidates in turn', () => {
    const balance = createBalancer('round-robin', () => 0);
    const candidates = nodes(0, 0, 0);
    expect(Array.from({ length: 6 }, () => balance(candidates).name).join('')).toMatch(/^(bca){2}$/);
  });
});

describe('a balancer of the application', () => {
  test('is taken as it is', () => {
    const last = <T extends Balanced>(candidates: readonly T[]): T => candidates.at(-1) as T;
    expect(createBalancer(last, () => 0)).toBe(last);
  });

  test('has to be one', () => {
    expect(thrownBy(() => createBalancer('best' as 'random', () => 0))).toMatchObject({ code: 'ERR_OPTION' });
  });
});
