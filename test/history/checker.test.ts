import { expect, test } from 'vitest';
import { check, type StoredVersion, type Violations } from './checker.js';
import type { Operation } from './history.js';

const none: Violations = { readYourWrites: [], monotonicReads: [], lostWrites: [], doubledWrites: [] };

test('an empty history is good', () => {
  expect(check([], [])).toEqual(none);
});

test('a session that reads what it has written is good', () => {
  const history = [write(1, [0, 10]), read(1, [11, 20]), write(2, [21, 30]), read(2, [31, 40])];
  expect(check(history, stored(1, 2))).toEqual(none);
});

test('a read that sees a later version than its session wrote before is good', () => {
  const history = [write(1, [0, 10]), write(2, [11, 30], 'failed'), read(2, [31, 40])];
  expect(check(history, stored(1, 2))).toEqual(none);
});

test('a read that misses an acknowledged write of its session violates read-your-writes', () => {
  const written = write(1, [0, 10]);
  const missing = read(0, [11, 20]);
  expect(check([written, missing], stored(1))).toEqual({
    ...none,
    readYourWrites: [{ read: missing, missed: written }],
  });
});

test('a read that sees only the write before the last violates read-your-writes', () => {
  const history = [write(1, [0, 10]), write(2, [11, 20]), read(1, [21, 30])];
  const { readYourWrites } = check(history, stored(1, 2));
  expect(readYourWrites).toMatchObject([{ missed: { value: 2 } }]);
});

test('every read that misses a write counts, also long after it', () => {
  const history = [write(1, [0, 10]), read(0, [11, 20]), read(0, [5_000, 5_010]), read(1, [6_000, 6_010])];
  expect(check(history, stored(1)).readYourWrites).toHaveLength(2);
});

test('a read in another tab that began before the write was acknowledged need not see it', () => {
  const history = [write(1, [0, 10]), read(0, [9, 50]), read(0, [10, 50])];
  expect(check(history, stored(1))).toEqual(none);
});

test('a read in another tab that began after the write was acknowledged must see it', () => {
  const slow = read(0, [11, 90]);
  const history = [write(1, [0, 10]), read(1, [11, 20]), slow];
  expect(check(history, stored(1)).readYourWrites).toMatchObject([{ read: slow }]);
});

test('writes of two tabs to keys of their own are each missed for themselves', () => {
  const history = [
    write(1, [0, 10], undefined, { key: 'left' }),
    write(1, [0, 10], undefined, { key: 'right' }),
    read(1, [11, 20], { key: 'left' }),
    read(0, [11, 20], { key: 'right' }),
  ];
  const state = [
    { key: 'left', value: 1, copies: 1 },
    { key: 'right', value: 1, copies: 1 },
  ];
  expect(check(history, state).readYourWrites).toMatchObject([{ read: { key: 'right' } }]);
});

test("another session's write binds nobody", () => {
  const history = [write(1, [0, 10]), read(0, [11, 20], { session: 'somebody else' })];
  expect(check(history, stored(1))).toEqual(none);
});

test('a write that failed may be seen or not', () => {
  const history = [write(1, [0, 10], 'the connection was lost'), read(0, [11, 20])];
  expect(check(history, [])).toEqual(none);
  expect(check(history, stored(1))).toEqual(none);
});

test('a read that failed saw nothing, and violates nothing', () => {
  const failed = { ...read(0, [11, 20]), failure: '503' };
  expect(check([write(1, [0, 10]), failed], stored(1))).toEqual(none);
});

test("a read that sees less than an earlier one of its session violates monotonic reads, whoever's the write", () => {
  const newer = read(2, [0, 10]);
  const older = read(1, [11, 20]);
  expect(check([newer, older], stored(1, 2))).toEqual({
    ...none,
    monotonicReads: [{ read: older, missed: newer }],
  });
});

test('reads that overlap may see versions in any order', () => {
  expect(check([read(2, [0, 10]), read(1, [10, 20]), read(1, [5, 20])], stored(1, 2))).toEqual(none);
});

test('an acknowledged write that the final state does not hold is lost', () => {
  const lost = write(2, [11, 20]);
  expect(check([write(1, [0, 10]), lost], stored(1))).toEqual({ ...none, lostWrites: [lost] });
});

test('a write that the final state holds twice is doubled, acknowledged or not', () => {
  const twice = { key: 'k', value: 1, copies: 2 };
  expect(check([write(1, [0, 10])], [twice])).toEqual({ ...none, doubledWrites: [twice] });
  expect(check([write(1, [0, 10], 'failed')], [twice])).toEqual({ ...none, doubledWrites: [twice] });
});

let made = 0;

function operation(about: Pick<Operation, 'kind' | 'value' | 'start' | 'end'>): Operation {
  made += 1;
  const who = { id: made, session: 's', key: 'k' };
  return { ...who, ...about, node: undefined, reason: undefined, failure: undefined };
}

function write(
  value: number,
  [start, end]: [number, number],
  failure?: string,
  about: Partial<Operation> = {},
): Operation {
  return { ...operation({ kind: 'write', value, start, end }), failure, ...about };
}

function read(value: number, [start, end]: [number, number], about: Partial<Operation> = {}): Operation {
  return { ...operation({ kind: 'read', value, start, end }), ...about };
}

function stored(...values: number[]): StoredVersion[] {
  return values.map((value) => ({ key: 'k', value, copies: 1 }));
}
