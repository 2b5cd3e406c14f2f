import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { advancePin, anyCluster, lastMoved, type Pin, type PinDemand, pinDemand } from '../src/pin.js';
import type { PinMark } from '../src/pin-mark.js';
import { decodePin, encodePin } from '../src/pin-token.js';
import { clusterNames, histories, inWords, moments, writtenMarks } from './pins.js';
import { aPin, noon, otherSecret, secret, signerWith } from './requests.js';

const signer = signerWith([secret]);
const times = { forMs: 5_000, maxAgeMs: 300_000 };
const second = 1_000;

function decoded(token: string, now = noon): unknown {
  const pin = decodePin(token, signer, times, now);
  return typeof pin === 'string' ? pin : inWords(pin);
}

function written(marks: Readonly<Record<string, PinMark>>): ReadonlyMap<string, PinMark> {
  return new Map(Object.entries(marks));
}

/** A token with a good signature, whatever its text. */
function signed(text: string): string {
  return `${text}.${signer.sign(text)}`;
}

describe('a token', () => {
  test.each<[string, PinMark]>([
    ['a position', { position: '7301-1-00000000A1B2C3D4' }],
    ['time alone', 'clock'],
    ['a write of unknown position', 'unknown'],
  ])('gives back a pin with %s', (_, mark) => {
    const pin = aPin(noon, { main: mark });
    expect(decoded(encodePin(pin, signer))).toEqual(inWords(pin));
  });

  test('gives back each of several clusters', () => {
    const pin = aPin(noon, { main: { position: '1-2-3' }, 'posts-2': 'clock', Users_3: 'unknown' });
    expect(decoded(encodePin(pin, signer))).toEqual(inWords(pin));
  });

  test('can stand in a cookie and in a header as it is', () => {
    const token = encodePin(aPin(noon, { main: { position: '1-2-3' }, [anyCluster]: 'unknown' }), signer);
    expect(token).toMatch(/^[!#-+\--:<-[\]-~]+$/);
  });

  test('gives back every pin that any history of writes can make, and has at most 200 bytes', {
    timeout: 30_000,
  }, () => {
    fc.assert(
      fc.property(histories, (history) => {
        let pin: Pin | undefined;
        for (const { now, written } of history) {
          pin = advancePin(pin, written, now);
          const token = encodePin(pin, signer);
          expect(Buffer.byteLength(token)).toBeLessThanOrEqual(200);
          expect(decoded(token, lastMoved(pin))).toEqual(inWords(pin));
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test('gives back the longest pin that fits, also under a clock that begins at zero', () => {
    const longest = written({
      ['a'.repeat(32)]: { position: '1'.repeat(64) },
      bbbbbbbbb: { position: '2'.repeat(44) },
    });
    const pin = advancePin(undefined, longest, 0);
    expect(decoded(encodePin(pin, signer), 0)).toEqual(inWords(pin));
  });

  test('gives back its marks also where the clock gives fractions of a millisecond', () => {
    const pin = advancePin(undefined, written({ main: 'clock' }), noon + 0.25);
    expect(decoded(encodePin(pin, signer))).toMatchObject({ marks: { main: 'clock' } });
  });
});

describe('a token that is not taken', () => {
  const good = encodePin(aPin(noon, { main: { position: '1-2-3' } }), signer);
  const foreign = encodePin(aPin(noon, { main: 'clock' }), signerWith([otherSecret]));

  test.each([
    ['empty', '', 'malformed'],
    ['without parts', 'x', 'malformed'],
    ['three dots', '...', 'malformed'],
    ['signed with a secret that is not ours', foreign, 'signature'],
    ['of a later version', signed('2.abc.main:'), 'malformed'],
    ['without a version', signed('.abc.main:'), 'malformed'],
    ['without a time', signed('1..main:'), 'malformed'],
    ['with a time in capitals', signed('1.ABC.main:'), 'malformed'],
    ['with a negative time', signed('1.-abc.main:'), 'malformed'],
    ['with a time too long to be one', signed('1.zzzzzzzzzzz.main:'), 'malformed'],
    ['without marks', signed('1.abc.'), 'malformed'],
    ['with a mark that has no colon', signed('1.abc.main'), 'malformed'],
    ['with two colons in a mark', signed('1.abc.main:1:2'), 'malformed'],
    ['with an empty mark', signed('1.abc.main:~'), 'malformed'],
    ['with a nameless mark', signed('1.abc.:1'), 'malformed'],
    ['with a name too long', signed(`1.abc.${'a'.repeat(33)}:`), 'malformed'],
    ['with a position too long', signed(`1.abc.a:${'1'.repeat(65)}`), 'malformed'],
    ['with two bangs', signed('1.abc.main:!!1'), 'malformed'],
    ['with a lone plus', signed('1.abc.main:+'), 'malformed'],
    ['with a second time that is none', signed('1.abc-.main:1'), 'malformed'],
    ['with three times', signed('1.abc-abc-abc.main:1'), 'malformed'],
    ['in quotes', `"${good}"`, 'malformed'],
    ['with a line break at its end', `${good}\n`, 'malformed'],
    ['one byte too long', 'x'.repeat(201), 'oversized'],
    ['of 64 KB', 'x'.repeat(65_536), 'oversized'],
    ['good, but too long', signed(`1.abc.${'a:~'.repeat(60)}a:`), 'oversized'],
    ['as old as a pin can be', encodePin(aPin(noon - times.maxAgeMs, { main: 'clock' }), signer), 'expired'],
  ])('is told from the others: %s', (_, token, fault) => {
    expect(decoded(token)).toBe(fault);
  });

  test('one millisecond younger than a pin can be is taken', () => {
    const pin = aPin(noon - times.maxAgeMs + 1, { main: 'clock' });
    expect(decoded(encodePin(pin, signer))).toEqual(inWords(pin));
  });

  test('random and mutated tokens: none of 120,000 is taken, and none makes the reader throw', {
    timeout: 30_000,
  }, () => {
    fc.assert(
      fc.property(forgeries, (token) => {
        if (genuine.has(token)) return;
        if (typeof decodePin(token, signer, times, noon) !== 'string') throw new Error(`taken: ${token}`);
      }),
      { numRuns: 120_000 },
    );
  });

  test('a token whose parts come from two good tokens is not taken', () => {
    const tokens = [...genuine];
    for (const one of tokens)
      for (const other of tokens) {
        const mixed = [...one.split('.').slice(0, 3), other.split('.')[3]].join('.');
        if (!genuine.has(mixed)) expect(decoded(mixed), mixed).toBe('signature');
      }
  });
});

/** Tokens that were signed here, and would be taken. */
const genuine: ReadonlySet<string> = new Set(
  [
    aPin(noon, { main: 'clock' }),
    aPin(noon - 1, { main: 'unknown' }),
    aPin(noon - 60_000, { main: { position: '7301-1-00000000A1B2C3D4' }, posts: 'clock' }),
    aPin(noon, { [anyCluster]: 'unknown' }),
    aPin(noon, { ['a'.repeat(32)]: { position: '1'.repeat(64) } }),
  ].map((pin) => encodePin(pin, signer)),
);

const tokens = fc.constantFrom(...genuine);
const characters = fc.oneof(
  fc.constantFrom(...'01.:~!*-_azAZ09='),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
);
const places = fc.nat({ max: 200 });

/** What somebody without the secret could make of what he has seen. */
const forgeries: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 210 }),
  fc.string({ unit: fc.constantFrom(...'1.:~!*abcXYZ019-_'), maxLength: 210 }),
  fc.stringMatching(/^1\.[0-9a-z]{1,8}\.[a-z]{1,8}:[!0-9A-F-]{0,20}\.[A-Za-z0-9_-]{43}$/),
  // a character flipped, removed, or put in
  fc
    .tuple(tokens, places, characters)
    .map(([token, i, c]) => token.slice(0, i % token.length) + c + token.slice((i % token.length) + 1)),
  fc
    .tuple(tokens, places)
    .map(([token, i]) => token.slice(0, i % token.length) + token.slice((i % token.length) + 1)),
  fc
    .tuple(tokens, places, characters)
    .map(([token, i, c]) => token.slice(0, i % token.length) + c + token.slice(i % token.length)),
  // cut off, continued, or said twice
  fc.tuple(tokens, places).map(([token, i]) => token.slice(0, i % token.length)),
  fc.tuple(tokens, places).map(([token, i]) => token.slice(1 + (i % token.length))),
  fc.tuple(tokens, fc.string({ minLength: 1, maxLength: 60 })).map(([token, rest]) => token + rest),
  fc.tuple(tokens, fc.string({ minLength: 1, maxLength: 60 })).map(([token, before]) => before + token),
  fc.tuple(tokens, tokens, fc.constantFrom('', '.', '~', ';', ',')).map(([a, b, glue]) => a + glue + b),
  // its parts in another order, left out, or replaced
  fc
    .tuple(tokens, tokens, fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 6 }))
    .map(([a, b, order]) => order.map((i) => [...a.split('.'), ...b.split('.')][i] ?? '').join('.')),
  fc
    .tuple(tokens, fc.nat({ max: 3 }), fc.string({ unit: fc.constantFrom(...'012abz:~!*'), maxLength: 10 }))
    .map(([token, i, part]) => token.split('.').with(i, part).join('.')),
  // another version, other letters, another encoding
  fc.tuple(tokens, fc.nat({ max: 99 })).map(([token, v]) => token.replace(/^1/, `${v}`)),
  tokens.map((token) => token.toUpperCase()),
  tokens.map((token) => encodeURIComponent(token)),
  tokens.map((token) => Buffer.from(token).toString('base64url')),
);

describe('time', () => {
  test('in the future counts as now by a clock that gives fractions, in a form that can be read again', () => {
    const token = encodePin(aPin(noon + 60_000, { main: { position: '1' } }), signer);
    const pin = decodePin(token, signer, times, noon + 0.5);
    if (typeof pin === 'string') throw new Error(pin);
    expect(decoded(encodePin(pin, signer), noon + 1)).toMatchObject({ at: noon });
  });

  test('in the future counts as now, so that nobody stays on the primary for longer', () => {
    const token = encodePin(aPin(noon + 86_400_000, { main: 'clock' }), signer);
    expect(decoded(token)).toEqual({ at: noon, marks: { main: 'clock' } });
  });

  test('at the end of all times counts as now', () => {
    expect(decoded(signed('1.zzzzzzzzzz.main:!'))).toEqual({ at: noon, marks: { main: 'unknown' } });
  });

  test('is judged by the settings of today: a longer one takes an old pin in again', () => {
    const token = encodePin(aPin(noon - 400 * second, { main: 'clock' }), signer);
    expect(decodePin(token, signer, times, noon)).toBe('expired');
    expect(decodePin(token, signer, { ...times, maxAgeMs: 500 * second }, noon)).not.toBe('expired');
  });

  test('is judged by the settings of today: a shorter one ends an old pin at once', () => {
    const position = { position: '1-2-3' };
    const pin = aPin(noon - 4 * second, { main: position });
    expect(pinDemand(pin, 'main', times, noon)).toBe('primary');
    expect(pinDemand(pin, 'main', { ...times, forMs: 3 * second }, noon)).toEqual(position);
    expect(decodePin(encodePin(pin, signer), signer, { forMs: 0, maxAgeMs: 3 * second }, noon)).toBe(
      'expired',
    );
  });
});

describe('a pin asks', () => {
  const position = { position: '1-2-3' };

  test.each<[string, PinMark, PinDemand]>([
    ['then for its position', position, position],
    ['then for nothing where time is all that it has', 'clock', 'none'],
  ])('for the primary until forMs, and %s', (_, mark, later) => {
    const pin = aPin(noon, { main: mark });
    expect(pinDemand(pin, 'main', times, noon)).toBe('primary');
    expect(pinDemand(pin, 'main', times, noon + times.forMs - 1)).toBe('primary');
    expect(pinDemand(pin, 'main', times, noon + times.forMs)).toEqual(later);
  });

  test('for its position for as long as it counts', () => {
    const pin = aPin(noon, { main: position });
    expect(pinDemand(pin, 'main', times, noon + times.maxAgeMs - 1)).toEqual(position);
  });

  test('for its position at once where forMs is 0', () => {
    expect(pinDemand(aPin(noon, { main: position }), 'main', { ...times, forMs: 0 }, noon)).toEqual(position);
  });

  test('for the primary for five seconds where forMs is shorter and time is all that it has', () => {
    const pin = aPin(noon, { main: 'clock' });
    for (const forMs of [0, second]) {
      expect(pinDemand(pin, 'main', { ...times, forMs }, noon + 5 * second - 1)).toBe('primary');
      expect(pinDemand(pin, 'main', { ...times, forMs }, noon + 5 * second)).toBe('none');
    }
  });

  test('for the primary until maxAgeMs where a write may be later than any known position', () => {
    const pin = aPin(noon, { main: 'unknown' });
    expect(pinDemand(pin, 'main', times, noon + times.maxAgeMs - 1)).toBe('primary');
    expect(pinDemand(pin, 'main', times, noon + times.maxAgeMs)).toBe('none');
  });

  test('nothing of a cluster that was not written', () => {
    expect(pinDemand(aPin(noon, { posts: 'unknown' }), 'main', times, noon)).toBe('none');
  });

  test('every cluster when it names them all', () => {
    const pin = aPin(noon, { [anyCluster]: 'unknown' });
    for (const cluster of ['main', 'posts', 'anything'])
      expect(pinDemand(pin, cluster, times, noon + times.maxAgeMs - 1)).toBe('primary');
  });

  test.each(['__proto__', 'constructor', 'toString'])('nothing of %s by accident', (name) => {
    expect(pinDemand(aPin(noon, { main: 'unknown' }), name, times, noon)).toBe('none');
  });
});

describe('moving a pin forward', () => {
  test('gives it the time of the new write', () => {
    expect(advancePin(aPin(noon - second, { main: 'clock' }), written({ main: 'clock' }), noon).at).toBe(
      noon,
    );
  });

  test('replaces the position of a cluster that was written again', () => {
    const pin = advancePin(
      aPin(noon - second, { main: { position: '1' } }),
      written({ main: { position: '2' } }),
      noon,
    );
    expect(inWords(pin)).toEqual({ at: noon, marks: { main: { position: '2' } } });
  });

  test('keeps what it knows of other clusters', () => {
    const pin = advancePin(
      aPin(noon - second, { posts: { position: '1' } }),
      written({ main: 'clock' }),
      noon,
    );
    expect(inWords(pin)).toEqual({ at: noon, marks: { posts: { position: '1' }, main: 'clock' } });
  });

  test('keeps a write of unknown position, which a later position need not include', () => {
    const pin = advancePin(
      aPin(noon - second, { main: 'unknown' }),
      written({ main: { position: '2' } }),
      noon,
    );
    expect(pin.marks.get('main')).toEqual({ position: '2', hold: 'unknown' });
  });

  test('holds to its full age where a write without a position follows one with a position', () => {
    const pin = advancePin(
      aPin(noon - second, { main: { position: '1' } }),
      written({ main: 'clock' }),
      noon,
    );
    expect(pin.marks.get('main')).toEqual({ position: '1', hold: 'unknown' });
  });

  test('lets a position take the place of time alone', () => {
    const pin = advancePin(
      aPin(noon - second, { main: 'clock' }),
      written({ main: { position: '2' } }),
      noon,
    );
    expect(pin.marks.get('main')).toEqual({ position: '2' });
  });

  test('keeps a pin of all clusters, which a later position of one need not include', () => {
    const held = aPin(noon - second, { [anyCluster]: 'unknown' });
    const pin = advancePin(held, written({ main: { position: '2' } }), noon);
    expect(pinDemand(pin, 'main', times, noon + times.forMs)).toBe('primary');
  });

  test('never moves it back, also when the clock does', () => {
    const pin = advancePin(aPin(noon, { main: 'clock' }), written({ main: 'clock' }), noon - 3 * second);
    expect(pin.at).toBe(noon);
  });

  test('changes neither the pin nor the marks that it was given', () => {
    const held = aPin(noon - second, { main: 'clock' });
    const marks = written({ posts: 'clock' });
    advancePin(held, marks, noon);
    expect(inWords(held)).toEqual({ at: noon - second, marks: { main: 'clock' } });
    expect([...marks]).toEqual([['posts', 'clock']]);
  });

  test('never ends it earlier: what asked for something still does, of every cluster and at every later time', {
    timeout: 30_000,
  }, () => {
    fc.assert(
      fc.property(
        histories,
        writtenMarks,
        moments,
        fc.oneof(clusterNames, fc.nat({ max: 5 })),
        fc.nat({ max: 400_000 }),
        (history, marks, now, which, later) => {
          let held: Pin | undefined;
          for (const writes of history) held = advancePin(held, writes.written, writes.now);
          if (held === undefined) return;
          const names = [...held.marks.keys(), ...marks.keys()];
          const cluster = typeof which === 'string' ? which : (names[which % names.length] ?? '');
          const when = now + later;
          if (when - lastMoved(held) >= times.maxAgeMs) return;
          const before = pinDemand(held, cluster, times, when);
          if (before === 'none') return;
          const after = pinDemand(advancePin(held, marks, now), cluster, times, when);
          if (marks.has(cluster)) expect(after).not.toBe('none');
          else expect(['primary', before]).toContainEqual(after);
        },
      ),
      { numRuns: 10_000 },
    );
  });

  test('names four clusters', () => {
    const four = written({ a: 'clock', b: 'clock', c: 'clock', d: 'clock' });
    expect([...advancePin(undefined, four, noon).marks.keys()]).toEqual(['a', 'b', 'c', 'd']);
  });

  test('holds for every cluster by time alone, to its full age, when there are more than four', () => {
    const five = written({ a: 'clock', b: 'clock', c: 'clock', d: 'clock', e: 'clock' });
    const pin = advancePin(undefined, five, noon);
    expect(inWords(pin)).toEqual({ at: noon, marks: { [anyCluster]: 'unknown' } });
    expect(pinDemand(pin, 'e', times, noon + times.maxAgeMs - 1)).toBe('primary');
  });

  test('counts the clusters of earlier writes', () => {
    const held = aPin(noon, { a: 'clock', b: 'clock', c: 'clock', d: 'clock' });
    expect([...advancePin(held, written({ e: 'clock' }), noon).marks.keys()]).toEqual([anyCluster]);
  });

  test('holds for every cluster also when their names are too long to stand together', () => {
    const long = written(
      Object.fromEntries(['a', 'b', 'c'].map((name) => [name.repeat(32), { position: '1'.repeat(30) }])),
    );
    expect([...advancePin(undefined, long, noon).marks.keys()]).toEqual([anyCluster]);
  });

  test('names a cluster whose name and position are as long as they may be', () => {
    const pin = advancePin(undefined, written({ ['a'.repeat(32)]: { position: '1'.repeat(64) } }), noon);
    expect(pin.marks.has('a'.repeat(32))).toBe(true);
  });
});
