import { expect, test } from 'vitest';
import { Chronicle, lastStrikes } from './chronicle.js';

test('a condition lasts until it is ended, once', () => {
  const chronicle = new Chronicle();
  const end = chronicle.begin('unfit', 'a');
  expect(chronicle.spans).toMatchObject([{ condition: 'unfit', node: 'a', until: Number.POSITIVE_INFINITY }]);
  end();
  end();
  expect(chronicle.spans).toHaveLength(1);
  expect(chronicle.spans[0]?.until).toBeLessThanOrEqual(performance.now());
});

test('two conditions of one node are apart from each other', () => {
  const chronicle = new Chronicle();
  const [end] = [chronicle.begin('unfit', 'a'), chronicle.begin('unfit', 'a')];
  end();
  expect(chronicle.spans.filter(({ until }) => until === Number.POSITIVE_INFINITY)).toHaveLength(1);
});

test('the last strikes before a moment are told with how long before it they were', () => {
  const strikes = [1_000, 2_000, 3_500, 9_000].map((at) => ({ what: 'killed', node: `n${at}`, at }));
  expect(lastStrikes(strikes, 4_000, 2)).toBe('-2.00 s n2000: killed\n-0.50 s n3500: killed');
});
