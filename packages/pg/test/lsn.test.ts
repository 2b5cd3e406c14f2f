import { describe, expect, it } from 'vitest';
import {
  atLsn,
  bytesBehind,
  endOfLastRecord,
  formatPosition,
  hasReached,
  joinPositions,
  parseLsn,
  parsePosition,
} from '../src/lsn.js';

const highest = (1n << 64n) - 1n;

/** A generator of whole numbers that gives the same ones in every run (a linear congruential one). */
function* numbers(seed: bigint): Generator<bigint> {
  for (let state = seed; ; ) {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & highest;
    yield state;
  }
}

/** As PostgreSQL writes it. */
function written(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

function position(lsn: bigint, timeline = 1, systemIdentifier = 7n): string {
  return formatPosition({ systemIdentifier, timeline, lsn });
}

describe('parseLsn', () => {
  it.each([
    ['0/0', 0n],
    ['0/1', 1n],
    ['0/FFFFFFFF', 0xffff_ffffn],
    ['1/0', 0x1_0000_0000n],
    ['16/B374D848', 0x16_b374_d848n],
    ['16/b374d848', 0x16_b374_d848n],
    ['FFFFFFFF/FFFFFFFF', highest],
  ])('reads %s', (text, lsn) => {
    expect(parseLsn(text)).toBe(lsn);
  });

  it('compares as numbers and not as texts', () => {
    expect(parseLsn('9/FFFFFFFF') < parseLsn('10/0')).toBe(true);
    expect(parseLsn('0/9') < parseLsn('0/10')).toBe(true);
    expect(parseLsn('A/0') > parseLsn('9/0')).toBe(true);
  });

  it('reads back what PostgreSQL writes, whatever the number', () => {
    const some = numbers(42n);
    for (let i = 0; i < 2_000; i++) {
      const lsn = some.next().value as bigint;
      expect(parseLsn(written(lsn))).toBe(lsn);
    }
  });
});

describe('the end of the last record', () => {
  const end = (next: string): string => written(endOfLastRecord(parseLsn(next), 16n * 1024n * 1024n, 8192n));

  it.each([
    ['is where the next one begins', '0/1D79F00', '0/1D79F00'],
    ['lies before the header of a page that the next one begins', '0/1D7A018', '0/1D7A000'],
    ['lies before the header of a file that the next one begins', '0/2000028', '0/2000000'],
    ['may be the first byte behind a header and a record', '0/1D7A020', '0/1D7A020'],
  ])('%s', (_, next, last) => {
    expect(end(next)).toBe(last);
  });
});

describe('a position', () => {
  it('can be moved along its history, and keeps system and timeline', () => {
    expect(atLsn(position(5n, 3, 9n), 8n)).toBe(position(8n, 3, 9n));
    expect(atLsn('not one', 8n)).toBeUndefined();
  });

  it('reads back as it was made, up to the largest numbers', () => {
    const some = numbers(7n);
    for (let i = 0; i < 2_000; i++) {
      const given = {
        systemIdentifier: some.next().value as bigint,
        timeline: Number((some.next().value as bigint) & 0xffff_ffffn),
        lsn: some.next().value as bigint,
      };
      expect(parsePosition(formatPosition(given))).toEqual(given);
    }
    const largest = { systemIdentifier: highest, timeline: 0xffff_ffff, lsn: highest };
    expect(parsePosition(formatPosition(largest))).toEqual(largest);
  });

  it.each(['', '-', '1-2', '1-2-3-4', '1--3', '1-2-', 'A-1-1', '1-1-zzzzzzzzzzzzz', '1-1-1 ', '1.5-1-1'])(
    'that nobody made is not one: %j',
    (text) => {
      expect(parsePosition(text)).toBeUndefined();
    },
  );

  it('whose timeline no server can have is not one', () => {
    expect(parsePosition(`1-${(1n << 60n).toString(36)}-1`)).toBeUndefined();
  });
});

describe('hasReached', () => {
  it('compares LSNs as numbers', () => {
    expect(hasReached(position(parseLsn('10/0')), position(parseLsn('9/FFFFFFFF')))).toBe(true);
    expect(hasReached(position(parseLsn('9/FFFFFFFF')), position(parseLsn('10/0')))).toBe(false);
  });

  it('is true of a position itself', () => {
    expect(hasReached(position(5n), position(5n))).toBe(true);
  });

  it('is false on an older timeline, whatever the LSN', () => {
    expect(hasReached(position(highest, 1), position(1n, 2))).toBe(false);
  });

  it('is true on a newer timeline that is as far', () => {
    expect(hasReached(position(5n, 2), position(5n, 1))).toBe(true);
    expect(hasReached(position(4n, 2), position(5n, 1))).toBe(false);
  });

  it('is false of another cluster', () => {
    expect(hasReached(position(5n, 1, 8n), position(5n, 1, 7n))).toBe(false);
  });

  it.each([
    ['', position(1n)],
    [position(1n), ''],
    ['nonsense', 'nonsense'],
  ])('is false of what is no position: %j, %j', (replayed, wanted) => {
    expect(hasReached(replayed, wanted)).toBe(false);
  });

  it('orders all positions of one timeline, and either or both of two have reached the other', () => {
    const some = numbers(1n);
    for (let i = 0; i < 2_000; i++) {
      const a = some.next().value as bigint;
      const b = some.next().value as bigint;
      expect(hasReached(position(a), position(b))).toBe(a >= b);
      expect(hasReached(position(b), position(a))).toBe(b >= a);
    }
  });
});

describe('two positions that are joined', () => {
  it('make the further one, where one of them has reached the other', () => {
    expect(joinPositions(position(5n), position(9n))).toBe(position(9n));
    expect(joinPositions(position(9n, 2), position(5n, 1))).toBe(position(9n, 2));
    expect(joinPositions(position(9n), position(9n))).toBe(position(9n));
  });

  it('make one that both have to reach, where a promotion has parted their histories', () => {
    expect(joinPositions(position(9n, 1), position(5n, 2))).toBe(position(9n, 2));
    expect(joinPositions(position(5n, 2), position(9n, 1))).toBe(position(9n, 2));
  });

  it('make one that is reached by those, and only by those, who have reached both', () => {
    const some = numbers(3n);
    const any = (): string => {
      const value = some.next().value as bigint;
      return position((value >> 40n) & 7n, Number((value >> 50n) & 3n) + 1);
    };
    for (let i = 0; i < 2_000; i++) {
      const [a, b, node] = [any(), any(), any()];
      const both = joinPositions(a, b) ?? '';
      expect(hasReached(node, both)).toBe(hasReached(node, a) && hasReached(node, b));
    }
  });

  it('are nothing of two systems, or where one is no position', () => {
    expect(joinPositions(position(5n, 1, 7n), position(5n, 1, 8n))).toBeUndefined();
    expect(joinPositions('nonsense', position(5n))).toBeUndefined();
    expect(joinPositions(position(5n), 'nonsense')).toBeUndefined();
  });
});

describe('bytesBehind', () => {
  it('is the difference of two positions of one history', () => {
    expect(bytesBehind(position(100n), position(350n))).toBe(250);
    expect(bytesBehind(position(0xffff_ffffn), position(0x1_0000_0000n))).toBe(1);
  });

  it('is 0 where the one that should be behind was seen later, and is ahead', () => {
    expect(bytesBehind(position(350n), position(100n))).toBe(0);
    expect(bytesBehind(position(7n), position(7n))).toBe(0);
  });

  it('is not known between two timelines, two systems, or what are no positions', () => {
    expect(bytesBehind(position(100n, 1), position(350n, 2))).toBeUndefined();
    expect(bytesBehind(position(100n, 1, 7n), position(350n, 1, 8n))).toBeUndefined();
    expect(bytesBehind('nonsense', position(350n))).toBeUndefined();
    expect(bytesBehind(position(100n), 'nonsense')).toBeUndefined();
  });
});
