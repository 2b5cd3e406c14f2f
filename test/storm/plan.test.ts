import { expect, test } from 'vitest';
import { type Cut, nodeCount, planStorm, serverFaults } from './plan.js';

const plans = Array.from({ length: 200 }, (_, seed) => planStorm(seed, 60));

test('the same seed gives the same plan', () => {
  expect(planStorm(7, 600)).toEqual(planStorm(7, 600));
});

test('another seed gives another plan', () => {
  expect(planStorm(8, 600)).not.toEqual({ ...planStorm(7, 600), seed: 8 });
});

test('something strikes every 2 s, whatever servers take', () => {
  const longest = plans.map(({ cuts }) => {
    const moments = [0, ...cuts.map(({ atMs }) => atMs), 60_000];
    return Math.max(...moments.slice(1).map((atMs, index) => atMs - (moments[index] ?? 0)));
  });
  expect(longest.filter((gap) => gap > 2_000)).toEqual([]);
});

test('no way is cut while it is cut', () => {
  const overlaps = plans.flatMap(({ cuts }) =>
    Array.from({ length: nodeCount }, (_, node) => cuts.filter((cut) => cut.node === node)).flatMap((own) =>
      own.filter((cut, index) => healedAt(own[index - 1]) > cut.atMs),
    ),
  );
  expect(overlaps).toEqual([]);
});

test('each cut is healed, and each fault of servers ends', () => {
  const all = plans.flatMap(({ cuts, episodes }) => [...cuts, ...episodes]);
  expect(all.filter(({ forMs }) => !(forMs > 0 && forMs <= 1_500))).toEqual([]);
});

test('faults of servers fill the time', () => {
  const lengths = plans.map(({ episodes }) =>
    episodes.reduce((sum, { pauseMs, forMs }) => sum + pauseMs + forMs, 0),
  );
  expect(Math.min(...lengths)).toBeGreaterThanOrEqual(60_000);
});

test('each fault of servers has its turn before one comes again', () => {
  const missing = plans.flatMap(({ episodes }) => {
    const round = new Set(episodes.slice(0, serverFaults.length).map(({ fault }) => fault));
    return serverFaults.filter((fault) => !round.has(fault));
  });
  expect(missing).toEqual([]);
});

test('a replica that shall lag does', () => {
  const lags = plans.flatMap(({ episodes }) => episodes.filter(({ fault }) => fault === 'replica lags'));
  expect(lags.length).toBeGreaterThan(plans.length);
  expect(lags.filter(({ lagMs }) => lagMs === 0)).toEqual([]);
});

function healedAt(cut: Cut | undefined): number {
  return cut === undefined ? 0 : cut.atMs + cut.forMs;
}
