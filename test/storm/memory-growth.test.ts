import { expect, test } from 'vitest';
import { type MemorySample, memoryGrowth } from './memory-growth.js';

test('memory that stays as it is does not grow', () => {
  expect(memoryGrowth(samples([10, 10, 10, 10, 10, 10]))).toEqual({
    firstMb: 10,
    lastMb: 10,
    mbPerMinute: 0,
  });
});

test('what is taken while a process warms up does not count', () => {
  expect(memoryGrowth(samples([1, 5, 10, 10, 10, 10])).mbPerMinute).toBe(0);
});

test('memory that grows steadily does so by its slope', () => {
  const { firstMb, lastMb, mbPerMinute } = memoryGrowth(samples([10, 12, 14, 16, 18, 20]));
  expect([firstMb, lastMb]).toEqual([14, 20]);
  expect(mbPerMinute).toBeCloseTo(2);
});

test('a moment in which more is used hardly counts', () => {
  const growth = memoryGrowth(samples([10, 10, 10, 10, 10, 10, 10, 11, 10, 10, 10, 10]));
  expect(Math.abs(growth.mbPerMinute)).toBeLessThan(0.05);
});

test('without samples nothing is known to grow', () => {
  expect(memoryGrowth([])).toEqual({ firstMb: 0, lastMb: 0, mbPerMinute: 0 });
});

/** One a minute. */
function samples(mb: readonly number[]): readonly MemorySample[] {
  return mb.map((value, index) => ({ at: index * 60_000, heapBytes: value * 2 ** 20 }));
}
