import { describe, expect, test } from 'vitest';
import { advancePin, anyCluster, type Pin, pinDemand, unitePins } from '../src/pin.js';
import type { PinMark } from '../src/pin-mark.js';
import { decodePin, encodePin } from '../src/pin-token.js';
import { inWords } from './pins.js';
import { aPin, further, noon, secret, signerWith } from './requests.js';

const times = { forMs: 5_000, maxAgeMs: 300_000 };
const second = 1_000;
const signer = signerWith([secret]);

const marks = (given: Readonly<Record<string, PinMark>>): ReadonlyMap<string, PinMark> =>
  new Map(Object.entries(given));
const seen = (position: string): PinMark => ({ position, hold: 'seen' });
const byNumber = (): typeof further => further;

describe('a pin that a read has moved', () => {
  const reader = advancePin(undefined, marks({ main: seen('5') }), noon);

  test('asks for the position at once: nothing was written that forMs would be for', () => {
    expect(pinDemand(reader, 'main', times, noon)).toMatchObject({ position: '5' });
  });

  test('says when it was moved, and that nothing was written', () => {
    expect(inWords(reader)).toEqual({ at: 0, seenAt: noon, marks: { main: seen('5') } });
  });

  test('comes back from its token as it was', () => {
    expect(decodePin(encodePin(reader, signer), signer, times, noon)).toEqual(reader);
  });

  test('expires when it has not moved for maxAgeMs', () => {
    const token = encodePin(reader, signer);
    expect(decodePin(token, signer, times, noon + times.maxAgeMs - 1)).toEqual(reader);
    expect(decodePin(token, signer, times, noon + times.maxAgeMs)).toBe('expired');
  });

  test('is not taken to be moved in the future', () => {
    const early = decodePin(encodePin(reader, signer), signer, times, noon - second);
    expect(early).toMatchObject({ seenAt: noon - second });
  });
});

describe('a read after a write', () => {
  const wrote = aPin(noon, { main: { position: '5' } });
  const then = advancePin(wrote, marks({ main: seen('7') }), noon + second);

  test('moves the position, and leaves the time of the write', () => {
    expect(inWords(then)).toEqual({ at: noon, seenAt: noon + second, marks: { main: { position: '7' } } });
  });

  test('does not keep the client on the primary for longer', () => {
    expect(pinDemand(then, 'main', times, noon + times.forMs - 1)).toBe('primary');
    expect(pinDemand(then, 'main', times, noon + times.forMs)).toEqual({ position: '7' });
  });

  test('leaves the position behind a write that may be later than it, for when that is over', () => {
    const unsure = advancePin(
      aPin(noon, { main: 'unknown' }),
      marks({ main: seen('7') }),
      noon + 299 * second,
    );
    expect(pinDemand(unsure, 'main', times, noon + 300 * second - 1)).toBe('primary');
    expect(pinDemand(unsure, 'main', times, noon + 300 * second)).toMatchObject({ position: '7' });
  });

  test('does not end a pin that holds by time', () => {
    const timed = advancePin(aPin(noon, { main: 'clock' }), marks({ main: seen('7') }), noon + 1);
    expect(pinDemand(timed, 'main', { ...times, forMs: 0 }, noon + 2)).toBe('primary');
  });

  test('does not make a pin of all clusters last longer', () => {
    const all = aPin(noon, { [anyCluster]: 'unknown' });
    expect(advancePin(all, marks({ main: seen('7') }), noon + second)).toBe(all);
  });

  test('of a fifth cluster makes a pin of all clusters', () => {
    const four = advancePin(
      undefined,
      marks({ a: seen('1'), b: seen('1'), c: seen('1'), d: seen('1') }),
      noon,
    );
    const five = advancePin(four, marks({ e: seen('1') }), noon + 1);
    expect(inWords(five)).toEqual({ at: noon + 1, marks: { [anyCluster]: 'unknown' } });
  });
});

describe('a write that a replica has applied', () => {
  test('moves the position, and does not keep the client on the primary', () => {
    const pin = advancePin(undefined, marks({ main: seen('5') }), noon);
    expect(pinDemand(pin, 'main', times, noon)).toMatchObject({ position: '5' });
  });

  test('leaves the client there that an earlier write keeps there', () => {
    const pin = advancePin(
      aPin(noon, { main: { position: '4' } }),
      marks({ main: seen('5') }),
      noon + second,
    );
    expect(pinDemand(pin, 'main', times, noon + times.forMs - 1)).toBe('primary');
  });
});

describe('two pins of one client', () => {
  const united = (a: Pin, b: Pin): unknown => inWords(unitePins(a, b, byNumber));

  test('make one with the further position of each cluster, whichever moved last', () => {
    const older = aPin(noon - second, { main: { position: '9' }, posts: { position: '1' } });
    const newer = aPin(noon, { main: { position: '8' }, posts: { position: '2' } });
    const expected = { at: noon, marks: { main: { position: '9' }, posts: { position: '2' } } };
    expect(united(older, newer)).toEqual(expected);
    expect(united(newer, older)).toEqual(expected);
  });

  test('make one that has reached the positions of both where neither has reached the other, whichever moved last', () => {
    const join = (a: string, b: string): string => [a, b].sort().join('+');
    const older = aPin(noon - second, { main: { position: '9' } });
    const newer = aPin(noon, { main: { position: '8' } });
    expect(inWords(unitePins(older, newer, () => join))).toMatchObject({
      marks: { main: { position: '8+9' } },
    });
    expect(inWords(unitePins(newer, older, () => join))).toMatchObject({
      marks: { main: { position: '8+9' } },
    });
  });

  test('make one with the later position where nobody can compare them', () => {
    const pins = [aPin(noon - second, { main: { position: '9' } }), aPin(noon, { main: { position: '8' } })];
    const [older, newer] = pins as [Pin, Pin];
    expect(inWords(unitePins(older, newer, () => undefined))).toEqual(inWords(newer));
  });

  test('make one that was written when the later of them was, and read when either was', () => {
    const wrote = aPin(noon, { main: { position: '5' } });
    const read = advancePin(undefined, marks({ main: seen('7') }), noon + second);
    const expected = { at: noon, seenAt: noon + second, marks: { main: { position: '7' } } };
    expect(united(wrote, read)).toEqual(expected);
    expect(united(read, wrote)).toEqual(expected);
  });
});
