import { describe, expect, test } from 'vitest';
import { averageLatency, type LatencyAverage } from '../../src/cluster/latency-average.js';

/** The average of samples that come at even intervals. */
function average(samples: readonly number[], everyMs: number): number | undefined {
  let result: LatencyAverage | undefined;
  for (const [index, sample] of samples.entries()) result = averageLatency(result, sample, index * everyMs);
  return result?.ms;
}

const times = (n: number, ms: number): number[] => Array.from({ length: n }, () => ms);

describe('the average latency', () => {
  test('is the first sample at first', () => {
    expect(average([7], 1_000)).toBe(7);
  });

  test('stays what all samples are', () => {
    expect(average(times(50, 3), 1_000)).toBeCloseTo(3);
  });

  test('lies between what was and what is, and forgets what was', () => {
    const after = (n: number): number => average([...times(30, 100), ...times(n, 1)], 1_000) ?? 0;
    expect(after(1)).toBeGreaterThan(80);
    expect(after(10)).toBeLessThan(50);
    expect(after(60)).toBeCloseTo(1, 0);
  });

  test('forgets by time, however often it is sampled', () => {
    const often = average([...times(1, 100), ...times(100, 1)], 100) ?? 0;
    const seldom = average([...times(1, 100), ...times(10, 1)], 1_000) ?? 0;
    expect(often).toBeCloseTo(seldom);
  });
});
