import { expect, test } from 'vitest';
import { always, within, without } from './intervals.js';

test('nothing taken away leaves all', () => {
  expect(without([{ from: 0, until: 9 }], [])).toEqual([{ from: 0, until: 9 }]);
});

test('what is taken out of the middle leaves two parts', () => {
  expect(without([{ from: 0, until: 9 }], [{ from: 3, until: 5 }])).toEqual([
    { from: 0, until: 3 },
    { from: 5, until: 9 },
  ]);
});

test('what is taken from several at once, and overlaps, leaves what none of it covers', () => {
  const left = without(
    [
      { from: 0, until: 4 },
      { from: 6, until: 9 },
    ],
    [
      { from: 3, until: 7 },
      { from: 6, until: 8 },
    ],
  );
  expect(left).toEqual([
    { from: 0, until: 3 },
    { from: 8, until: 9 },
  ]);
});

test('what covers all leaves nothing', () => {
  expect(without([{ from: 2, until: 3 }], [{ from: 0, until: Number.POSITIVE_INFINITY }])).toEqual([]);
});

test('within both is what neither lacks', () => {
  expect(within([{ from: 0, until: 5 }], [{ from: 3, until: 9 }])).toEqual([{ from: 3, until: 5 }]);
  expect(within([always], [{ from: 3, until: 9 }])).toEqual([{ from: 3, until: 9 }]);
  expect(within([{ from: 0, until: 5 }], [])).toEqual([]);
});
