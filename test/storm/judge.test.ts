import { describe, expect, test } from 'vitest';
import type { Operation } from '../history/history.js';
import type { Condition, Span } from './chronicle.js';
import { longestOutage, type Outage, unexcusedReads } from './judge.js';

const nodes = ['a', 'b', 'c'];
const ever = Number.POSITIVE_INFINITY;
const graceMs = 100;

describe('a read that failed', () => {
  const allOut = [span('unfit', 'a', 0, ever), span('unfit', 'b', 0, ever), span('unfit', 'c', 0, ever)];

  test('is excused when no node was fit', () => {
    expect(judged(read([1_000, 2_000]), allOut)).toBe('excused');
  });

  test('is not excused while a node was fit all the time, however soon it failed', () => {
    expect(judged(read([1_000, 1_001]), allOut.slice(1))).toBe('unexcused');
  });

  test('is not excused by a node that stopped being fit only after it had failed', () => {
    const spans = [span('unfit', 'a', 1_002, ever), ...allOut.slice(1)];
    expect(judged(read([1_000, 1_001]), spans)).toBe('unexcused');
  });

  test('is excused when the last node was lost under it', () => {
    const spans = [span('unfit', 'a', 1_010, ever), ...allOut.slice(1)];
    expect(judged(read([1_000, 1_020]), spans)).toBe('excused');
  });

  test('is not excused when a node was lost under it that had been fit for longer than it takes to find out', () => {
    const spans = [span('unfit', 'a', 1_150, ever), ...allOut.slice(1)];
    expect(judged(read([1_000, 6_000]), spans)).toBe('unexcused');
  });

  test('is excused when a node became fit so late that it may not have been noticed', () => {
    const spans = [span('unfit', 'a', 0, 1_950), ...allOut.slice(1)];
    expect(judged(read([1_000, 2_000]), spans)).toBe('excused');
  });

  test('is not excused when a node became fit early enough to be noticed', () => {
    const spans = [span('unfit', 'a', 0, 1_850), ...allOut.slice(1)];
    expect(judged(read([1_000, 2_000]), spans)).toBe('unexcused');
  });

  test('is excused when nodes were fit by turns, none of them for long enough', () => {
    const spans = [span('unfit', 'a', 0, 1_000), span('unfit', 'a', 1_080, ever)];
    const turns = [span('unfit', 'b', 0, 1_080), span('unfit', 'b', 1_160, ever), ...allOut.slice(2)];
    expect(judged(read([1_000, 2_000]), [...spans, ...turns])).toBe('excused');
  });

  test('of somebody who writes is excused while there is no primary', () => {
    const spans = [span('primary', 'a', 0, 500), span('primary', 'b', 2_500, ever)];
    expect(judged(read([1_000, 2_000], 'writer'), spans)).toBe('excused');
    expect(judged(read([1_000, 2_000]), spans)).toBe('unexcused');
  });

  test('of somebody who writes is excused while the primary is unfit', () => {
    const spans = [span('primary', 'a', 0, ever), span('unfit', 'a', 900, 1_990)];
    expect(judged(read([1_000, 2_000], 'writer'), spans)).toBe('excused');
  });

  test('of somebody who writes is not excused while there is a fit primary', () => {
    const spans = [span('primary', 'a', 0, 500), span('primary', 'b', 1_500, ever)];
    expect(judged(read([1_000, 2_000], 'writer'), spans)).toBe('unexcused');
  });
});

test('reads that succeeded, and writes, are nothing to be excused', () => {
  const good = { ...read([0, 1]), failure: undefined };
  const write: Operation = { ...read([0, 1]), kind: 'write' };
  expect(unexcusedReads([good, write], [], nodes, () => true, graceMs)).toEqual([]);
});

describe('the longest outage of writes', () => {
  const reign = span('primary', 'a', 0, ever);

  test('is the longest time between two that were acknowledged', () => {
    expect(outage([write(10), write(60), write(90)], [reign], 100)).toEqual({ from: 10, until: 60, ms: 50 });
  });

  test('is all of the time when none was', () => {
    expect(outage([], [reign], 100).ms).toBe(100);
  });

  test('does not count the time without a primary', () => {
    const spans = [span('primary', 'a', 0, 20), span('primary', 'b', 80, ever)];
    expect(outage([write(15), write(90)], spans, 100)).toEqual({ from: 0, until: 15, ms: 15 });
  });

  test('counts from the moment when the next primary can be written to', () => {
    const spans = [span('primary', 'a', 0, 20), span('primary', 'b', 50, ever)];
    expect(outage([write(15), write(90)], spans, 100)).toEqual({ from: 50, until: 90, ms: 40 });
  });

  test('does not count the time in which the primary is unfit', () => {
    const spans = [reign, span('unfit', 'a', 20, 80)];
    expect(outage([write(15), write(90)], spans, 100).ms).toBe(15);
  });

  test('does not count the time in which no replica confirms', () => {
    const spans = [reign, span('mute', 'b', 10, 80), span('mute', 'c', 20, 90)];
    expect(outage([write(15), write(95)], spans, 100)).toEqual({ from: 0, until: 15, ms: 15 });
  });

  test('counts the time in which one replica still confirms', () => {
    expect(outage([write(15), write(95)], [reign, span('mute', 'b', 0, ever)], 100).ms).toBe(80);
  });
});

function judged(operation: Operation, spans: readonly Span[]): 'excused' | 'unexcused' {
  const found = unexcusedReads([operation], spans, nodes, (session) => session === 'writer', graceMs);
  return found.length === 0 ? 'excused' : 'unexcused';
}

function outage(operations: readonly Operation[], spans: readonly Span[], until: number): Outage {
  return longestOutage(operations, spans, nodes, { from: 0, until });
}

function span(condition: Condition, node: string, from: number, until: number): Span {
  return { condition, node, from, until };
}

function read([start, end]: readonly [number, number], session = 'onlooker'): Operation {
  const outcome = { value: 0, node: undefined, reason: undefined, failure: '503' };
  return { id: 0, session, kind: 'read', key: 'k', start, end, ...outcome };
}

function write(end: number): Operation {
  return { ...read([end - 1, end], 'writer'), kind: 'write', failure: undefined };
}
