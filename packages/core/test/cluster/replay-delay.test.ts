import { describe, expect, test } from 'vitest';
import { ReplayDelay } from '../../src/cluster/replay-delay.js';

/** A replica of which looks have shown these bounds, the last one at 0. */
function after(...looks: readonly (readonly [least: number, most: number])[]): ReplayDelay {
  const delay = new ReplayDelay();
  for (const [least, most] of looks) delay.learn({ least, most }, 0);
  return delay;
}

const muchLater = 1_000_000;

describe('a replica', () => {
  test('of which nothing is known is worth a look at once', () => {
    expect(after().isWorthALook(0, muchLater)).toBe(true);
  });

  test('that took longer before is not worth a look as early, but a little before it is due', () => {
    const delay = after([300, 310]);
    expect([1, 200, 260].map((age) => delay.isWorthALook(age, muchLater))).toEqual([false, false, false]);
    expect([270, 300, 5_000].map((age) => delay.isWorthALook(age, muchLater))).toEqual([true, true, true]);
  });

  test('that was looked at a moment ago is not worth another look', () => {
    const delay = after([800, 800]);
    expect([1, 90].map((now) => delay.isWorthALook(5_000, now))).toEqual([false, false]);
    expect(delay.isWorthALook(5_000, 100)).toBe(true);
  });

  test('that has become faster is expected earlier', () => {
    expect(after([8_000, 8_100], [0, 20]).isWorthALook(20, muchLater)).toBe(true);
  });

  test('is expected as before after a look that shows neither', () => {
    const delay = after([300, 310], [0, 9_000]);
    expect([200, 300].map((age) => delay.isWorthALook(age, muchLater))).toEqual([false, true]);
  });

  test('is worth a look at once when another primary begins', () => {
    const delay = after([8_000, 8_100]);
    delay.forget();
    expect(delay.isWorthALook(1, muchLater)).toBe(true);
  });
});
