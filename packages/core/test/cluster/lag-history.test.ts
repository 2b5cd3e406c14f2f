import { describe, expect, test } from 'vitest';
import { LagHistory } from '../../src/cluster/lag-history.js';
import { hasReached } from './fake-node.js';

/** A primary that was seen at these positions, one second after the other. */
function seenAt(...positions: readonly number[]): LagHistory {
  const history = new LagHistory(hasReached);
  for (const [second, position] of positions.entries()) history.record(String(position), second * 1_000);
  return history;
}

describe('the lag of a replica', () => {
  test('is not known before the primary was seen', () => {
    expect(seenAt().lagOf('5', 0)).toBeUndefined();
  });

  test('is none where it shows what the primary had when it was last seen, however long ago', () => {
    expect(seenAt(1, 2, 3).lagOf('3', 9_000)).toBe(0);
    expect(seenAt(1, 2, 3).lagOf('4', 9_000)).toBe(0);
  });

  test('is the time since the primary was last seen where the replica is', () => {
    expect(seenAt(10, 20, 30).lagOf('10', 5_000)).toBe(5_000);
    expect(seenAt(10, 20, 30).lagOf('20', 5_000)).toBe(4_000);
    expect(seenAt(10, 20, 30).lagOf('29', 5_000)).toBe(4_000);
  });

  test('grows while the primary moves and the replica does not', () => {
    const history = seenAt(10);
    const lags = [1, 2, 3, 4].map((second) => {
      history.record(String(10 + second), second * 1_000);
      return history.lagOf('10', second * 1_000);
    });
    expect(lags).toEqual([1_000, 2_000, 3_000, 4_000]);
  });

  test('does not grow while the primary is idle', () => {
    const history = seenAt(10, 10, 10, 10, 10);
    expect(history.lagOf('10', 5_000)).toBe(0);
  });

  test('counts from the end of an idle time, not from its beginning', () => {
    const history = seenAt(10, 10, 10, 10, 20);
    expect(history.lagOf('10', 4_500)).toBe(1_500);
  });

  test('is not known after everything was forgotten', () => {
    const history = seenAt(10, 20);
    history.clear();
    expect(history.lagOf('20', 3_000)).toBeUndefined();
  });
});

describe('how long a replica takes', () => {
  test('lies between what it has not replayed and what it has', () => {
    expect(seenAt(10, 20, 30).delayOf('20', 2_500, 2_500)).toEqual({ least: 500, most: 1_500 });
  });

  test('is not overrated where the answer took long', () => {
    expect(seenAt(10, 20, 30).delayOf('20', 2_100, 2_500)).toEqual({ least: 100, most: 1_500 });
    expect(seenAt(10, 20, 30).delayOf('20', 1_900, 2_500)).toEqual({ least: 0, most: 1_500 });
  });

  test('may be nothing where it has replayed all that is known', () => {
    expect(seenAt(10, 20).delayOf('20', 9_000, 9_000)).toEqual({ least: 0, most: 8_000 });
  });

  test('may be anything where it is behind all that is remembered', () => {
    expect(seenAt(10, 20).delayOf('5', 9_000, 9_000)).toEqual({
      least: 9_000,
      most: Number.POSITIVE_INFINITY,
    });
  });

  test('counts from the beginning of an idle time, when the position was written', () => {
    expect(seenAt(10, 10, 10).delayOf('10', 2_000, 2_000)).toEqual({ least: 0, most: 2_000 });
  });
});

describe('the age of a position', () => {
  test('is the time since the primary was first seen there', () => {
    expect(seenAt(10, 20, 20, 30).ageOf('20', 5_000)).toBe(4_000);
  });

  test('is at most the time since the primary was last seen before it', () => {
    expect(seenAt(10, 10, 30).ageOf('20', 5_000)).toBe(4_000);
    expect(seenAt(10, 20).ageOf('25', 5_000)).toBe(4_000);
  });

  test('has no limit where the primary was never seen before it', () => {
    expect(seenAt(10).ageOf('5', 5_000)).toBe(Number.POSITIVE_INFINITY);
    expect(seenAt().ageOf('5', 5_000)).toBe(Number.POSITIVE_INFINITY);
  });
});

test('an answer that a later one has overtaken says nothing new', () => {
  const history = seenAt(10, 20);
  history.record('15', 1_500);
  history.record('30', 2_000);
  expect(history.delayOf('16', 2_500, 2_500)).toEqual({ least: 1_500, most: 2_500 });
});

describe('the memory of a primary that never rests', () => {
  /** How many comparisons a question needs, as a measure of how much there is to look through. */
  function comparisons(seconds: number): { readonly count: number; readonly lag: number | undefined } {
    let count = 0;
    const history = new LagHistory((replayed, wanted) => {
      count += 1;
      return hasReached(replayed, wanted);
    });
    for (let second = 0; second <= seconds; second += 1) history.record(String(second), second * 1_000);
    count = 0;
    const lag = history.lagOf('0', seconds * 1_000);
    return { count, lag };
  }

  test('is bounded: a question costs no more after a day than after half an hour', () => {
    expect(comparisons(86_400).count).toBeLessThanOrEqual(11);
    expect(comparisons(1_800).count).toBeLessThanOrEqual(11);
  });

  test('reaches back to its beginning', () => {
    expect(comparisons(86_400).lag).toBe(86_400_000);
  });

  test('is exact for what was not long ago, and never makes a lag look shorter', () => {
    const seconds = 10_000;
    const history = seenAt(...Array.from({ length: seconds }, (_, second) => second));
    const now = (seconds - 1) * 1_000;
    for (let behind = 0; behind < 500; behind += 1)
      expect(history.lagOf(String(seconds - 1 - behind), now)).toBe(behind * 1_000);
    for (let behind = 500; behind < seconds; behind += 37)
      expect(history.lagOf(String(seconds - 1 - behind), now)).toBeGreaterThanOrEqual(behind * 1_000);
  });

  test('does not make a lag look much longer, however often the primary is seen', () => {
    const history = new LagHistory(hasReached);
    const perSecond = 2_000;
    const seconds = 120;
    for (let n = 0; n <= seconds * perSecond; n += 1) history.record(String(n), (n / perSecond) * 1_000);
    for (const lagMs of [1, 100, 1_000, 3_000, 10_000, 60_000]) {
      const lag = history.lagOf(String((seconds * 1_000 - lagMs) * (perSecond / 1_000)), seconds * 1_000);
      expect(lag).toBeGreaterThanOrEqual(lagMs);
      expect(lag).toBeLessThanOrEqual(lagMs * 1.1);
    }
  });
});
