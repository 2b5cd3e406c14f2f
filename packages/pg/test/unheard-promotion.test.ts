import { describe, expect, it } from 'vitest';
import { formatPosition } from '../src/lsn.js';
import { isOfUnheardPromotion } from '../src/unheard-promotion.js';

const seen = { systemIdentifier: '7', timeline: 2 };
const on = (timeline: number, systemIdentifier = 7n): string =>
  formatPosition({ systemIdentifier, timeline, lsn: 5n });

describe('the position that a pin names', () => {
  it.each([
    ['of a newer timeline than was seen is proof of a promotion', on(3), true],
    ['of the newest timeline that was seen is none', on(2), false],
    ['of an older timeline is none', on(1), false],
    ['of another database system is none, whatever its timeline', on(3, 8n), false],
    ['that is no position is none', 'nonsense', false],
    ['is none where there is no pin', undefined, false],
  ])('%s', (_, position, expected) => {
    expect(isOfUnheardPromotion(position, seen)).toBe(expected);
  });

  it('is none before anything was seen of the cluster', () => {
    expect(isOfUnheardPromotion(on(3), { systemIdentifier: undefined, timeline: 0 })).toBe(false);
  });
});
