import type { Balanced } from '../../../src/cluster/balancer/balanced.js';
import {
  type BalancerName,
  type BalancerSettings,
  createBalancer,
} from '../../../src/cluster/balancer/balancer.js';

/** A candidate whose load a test may change. */
export type Candidate = { -readonly [Key in keyof Balanced]: Balanced[Key] };

/** A candidate: idle, of weight one, and with room, unless told otherwise. */
export function candidate(name: string, news: Partial<Candidate> = {}): Candidate {
  return {
    name,
    busy: 0,
    capacity: 10,
    weight: 1,
    zone: undefined,
    latencyMs: undefined,
    backSince: undefined,
    ...news,
  };
}

/** Chance that comes out the same each time: the generator of Park and Miller. */
export function seeded(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** A balancer in no zone and without slow start, unless told otherwise. */
export function balancer(
  name: BalancerName,
  settings: Partial<BalancerSettings> = {},
): ReturnType<typeof createBalancer> {
  return createBalancer(name, {
    random: seeded(),
    now: () => 0,
    zone: undefined,
    slowStartMs: 0,
    ...settings,
  });
}

/** Which share of many choices each candidate gets, by name. */
export function shares<T extends Balanced>(
  balance: (candidates: readonly T[]) => T,
  candidates: readonly T[],
  times = 20_000,
): Readonly<Record<string, number>> {
  const count: Record<string, number> = Object.fromEntries(candidates.map(({ name }) => [name, 0]));
  for (let time = 0; time < times; time += 1) {
    const { name } = balance(candidates);
    count[name] = (count[name] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(count).map(([name, n]) => [name, n / times]));
}

/** Candidates, and a count of how often anything is read of any of them. */
export function watched(candidates: readonly Balanced[]): {
  readonly list: readonly Balanced[];
  looks: number;
} {
  const seen = {
    looks: 0,
    list: candidates.map(
      (one) =>
        new Proxy(one, {
          get(target, key, receiver) {
            seen.looks += 1;
            return Reflect.get(target, key, receiver);
          },
        }),
    ),
  };
  return seen;
}
