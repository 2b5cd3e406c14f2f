import { describe, expect, test } from 'vitest';
import type { Violations } from '../history/checker.js';
import type { Operation } from '../history/history.js';
import type { MemorySample } from './memory-growth.js';
import { brokenPromises, reportOn, type StormRecord } from './report.js';
import { reportTable } from './report-table.js';

const write: Operation = {
  ...{ id: 1, session: 'session-1', kind: 'write', key: 'k', value: 1, start: 9_000, end: 10_000 },
  ...{ node: 'a', reason: 'method', failure: undefined },
};
const read: Operation = { ...write, id: 2, kind: 'read', value: 0, start: 11_000, end: 12_000 };
const none: Violations = { readYourWrites: [], monotonicReads: [], lostWrites: [], doubledWrites: [] };

const good: StormRecord = {
  ...{ seed: 7, seconds: 60, breakage: undefined, nodes: ['a', 'b'] },
  operations: [write, read],
  chronicle: {
    strikes: [
      { what: 'lags by 300 ms', node: 'b', at: 5_000 },
      { what: 'lags by 700 ms', node: 'b', at: 11_500 },
      { what: 'primary killed', node: 'a', at: 12_500 },
    ],
    spans: [{ node: 'a', condition: 'primary', from: 0, until: Number.POSITIVE_INFINITY }],
  },
  during: { from: 4_000, until: 14_000 },
  violations: none,
  ...{ writesOnNonPrimary: 0, unended: 0 },
  connections: [{ node: 'a', onServer: 4, inPools: 4, inUse: 0, waiting: 0 }],
  memory: [{ name: 'express', samples: [] }],
};

test('a good storm has broken nothing', () => {
  expect(brokenPromises(reportOn(good))).toEqual([]);
  expect(reportOn(good).stories).toEqual([]);
});

test('it counts operations, faults by kind, and the longest time between two faults', () => {
  expect(reportOn(good)).toMatchObject({
    ...{ reads: 1, writes: 1, longestCalmMs: 6_500 },
    faults: { lags: 2, 'primary killed': 1 },
  });
});

test('failures are counted by their codes, excused ones too', () => {
  const failed = { ...write, kind: 'read' as const, failure: '503: ERR_NO_PRIMARY Error: there is none' };
  const chronicle = { ...good.chronicle, spans: [] };
  const report = reportOn({ ...good, chronicle, operations: [failed, failed, { ...write, failure: 'hm' }] });
  expect(report).toMatchObject({
    failedReads: { ERR_NO_PRIMARY: { count: 2, soonestMs: 1_000, latestMs: 1_000 } },
    failedWrites: { hm: { count: 1 } },
  });
  expect(brokenPromises(report)).toEqual([]);
});

describe('each broken promise is named', () => {
  const [connection] = good.connections;
  const broken: Readonly<Record<string, Partial<StormRecord>>> = {
    failedReadsWithUsableNode: { operations: [{ ...read, failure: 'lost' }] },
    lostWrites: { violations: { ...none, lostWrites: [write] } },
    doubledWrites: { violations: { ...none, doubledWrites: [{ key: 'k', value: 1, copies: 2 }] } },
    readYourWrites: { violations: { ...none, readYourWrites: [{ read, missed: write }] } },
    writesOnNonPrimary: { writesOnNonPrimary: 1 },
    leakedConnections: { connections: connection === undefined ? [] : [{ ...connection, inUse: 1 }] },
    processesThatGrew: { memory: [{ name: 'express', samples: [1, 2, 3, 4, 5, 6].map(growing) }] },
    processesThatDidNotEnd: { unended: 1 },
  };
  test.each(Object.entries(broken))('%s', (name, found) => {
    expect(brokenPromises(reportOn({ ...good, ...found }))).toEqual([`${name}: 1`]);
  });
});

test('a story tells what struck before a promise was broken, and when', () => {
  const [story] = reportOn({
    ...good,
    violations: { ...none, readYourWrites: [{ read, missed: write }] },
  }).stories;
  expect(story).toBe(
    'a read missed version 1: read of session-1 on k, version 0, 1000 ms, served by a (method)\n' +
      '-7.00 s b: lags by 300 ms\n-0.50 s b: lags by 700 ms',
  );
});

test('the table names the seed and each count', () => {
  const table = reportTable(reportOn(good));
  expect(table).toMatch(/^seed +7, 60 s$/m);
  expect(table).toMatch(/^ {2}lostWrites +0$/m);
  expect(table).toMatch(/^ {2}primary killed +1$/m);
});

/** 2 MB more each second. */
function growing(second: number): MemorySample {
  return { at: second * 1_000, heapBytes: second * 2 * 2 ** 20 };
}
