import { parseSetCookie } from 'cookie';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { onReplicationEvent } from '../src/events.js';
import { type Pin, pinDemand } from '../src/pin.js';
import { encodePin, type PinFault } from '../src/pin-token.js';
import { inWords } from './pins.js';
import {
  aPin,
  configWith,
  cookieHeader,
  noon,
  otherSecret,
  readPinCookie,
  secret,
  setCookie,
  signerWith,
} from './requests.js';

const config = configWith();
const pin = aPin(noon - 1_000, { main: { position: '1-2-3' } });
const real = cookieHeader(pin, config);
const forged = `replication_pin=${encodePin(aPin(noon, { main: 'unknown' }), signerWith([otherSecret]))}`;

function read(header: string | undefined, settings = config): unknown {
  const found = readPinCookie(header, settings, noon);
  return found && inWords(found);
}

/** The faults that were reported while a function ran. */
function faultsDuring(fn: () => void): readonly PinFault[] {
  const faults: PinFault[] = [];
  const stop = onReplicationEvent('pin-ignored', ({ fault }) => faults.push(fault));
  fn();
  stop();
  return faults;
}

describe('the cookie that is set', () => {
  test('is read again', () => {
    expect(read(real)).toEqual(inWords(pin));
  });

  test('is out of reach of scripts, stays on the site, and lives as long as a pin counts', () => {
    const { value, ...attributes } = parseSetCookie(setCookie(pin, config, false));
    expect(attributes).toEqual({
      name: 'replication_pin',
      httpOnly: true,
      sameSite: 'lax',
      path: '/',
      maxAge: 300,
    });
    expect(value).toBe(encodePin(pin, config.signer));
  });

  test('is secure when the request came over HTTPS', () => {
    expect(parseSetCookie(setCookie(pin, config, true)).secure).toBe(true);
  });

  test('has the attributes of the settings', () => {
    const cookie = {
      name: 'p',
      path: '/app',
      domain: 'example.com',
      sameSite: 'none',
      secure: true,
    } as const;
    expect(parseSetCookie(setCookie(pin, configWith({ cookie }), false))).toMatchObject({
      ...cookie,
      httpOnly: true,
    });
  });

  test('is not secure where the settings say so, whatever the request', () => {
    const plain = configWith({ cookie: { secure: false } });
    expect(parseSetCookie(setCookie(pin, plain, true)).secure).toBeUndefined();
  });

  test('lives for whole seconds, rounded up', () => {
    const short = configWith({ pin: { forMs: 1, maxAgeMs: 1_001 } });
    expect(parseSetCookie(setCookie(pin, short, false)).maxAge).toBe(2);
  });
});

describe('a request without a pin', () => {
  test.each([
    ['no cookie header', undefined],
    ['an empty one', ''],
    ['other cookies', 'a=b; c=d'],
    ['the name without a value', 'replication_pin'],
    ['the name as a value', 'a=replication_pin'],
    ['a name that ends like ours', `x${real}`],
    ['a name that begins like ours', real.replace('=', 'x=')],
    ['a name in capitals', real.replace('replication_pin', 'REPLICATION_PIN')],
    ['our cookie inside the value of another', `a="${real}"`],
  ])('has %s', (_, header) => {
    const faults = faultsDuring(() => expect(read(header)).toBeUndefined());
    expect(faults).toEqual([]);
  });

  test('is any request when pins are switched off', () => {
    expect(read(real, configWith({ pin: false }))).toBeUndefined();
  });
});

describe('a pin among other cookies', () => {
  test.each([
    ['first', `${real}; a=b`],
    ['last', `a=b; ${real}`],
    ['in the middle', `a=b; ${real}; c=d`],
    ['without spaces', `a=b;${real};c=d`],
    ['with more spaces', `a=b ;   ${real}   ; c=d`],
    ['beside nameless cookies', `; ;=;a;${real};`],
  ])('is found %s', (_, header) => {
    expect(read(header)).toEqual(inWords(pin));
  });

  test('is found behind 64 KB of other cookies', () => {
    expect(read(`${'a=b; '.repeat(13_000)}${real}`)).toEqual(inWords(pin));
  });

  test('is found under the name of the settings', () => {
    const named = configWith({ cookie: { name: '__Host-pin' } });
    expect(read(cookieHeader(pin, named), named)).toEqual(inWords(pin));
    expect(read(real, named)).toBeUndefined();
  });
});

describe('a cookie that nobody here signed', () => {
  test.each<[string, string, PinFault]>([
    ['empty', 'replication_pin=', 'malformed'],
    ['nonsense', 'replication_pin=%%%', 'malformed'],
    ['in quotes', real.replace('=', '="').concat('"'), 'malformed'],
    ['percent-encoded', real.replaceAll(':', '%3A'), 'malformed'],
    ['signed elsewhere', forged, 'signature'],
    ['of 64 KB', `replication_pin=${'a'.repeat(65_536)}`, 'oversized'],
    ['expired', cookieHeader(aPin(noon - 300_000, { main: 'clock' }), config), 'expired'],
  ])('is ignored and reported: %s', (_, header, fault) => {
    const faults = faultsDuring(() => expect(read(header)).toBeUndefined());
    expect(faults).toEqual([fault]);
  });

  test('does not hide the real one behind it', () => {
    expect(read(`${forged}; ${real}`)).toEqual(inWords(pin));
  });

  test('does not spoil the real one before it', () => {
    expect(read(`${real}; ${forged}`)).toEqual(inWords(pin));
  });

  test.each([1, 15, 16, 40, 200])('does not hide the real one when it comes %i times', (times) => {
    expect(read(`${`${forged}; `.repeat(times)}${real}`)).toEqual(inWords(pin));
  });

  test('never yields a pin and never throws, whatever the header', { timeout: 30_000 }, () => {
    const parts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.constantFrom('replication_pin=', 'replication_pin', ';', '=', ' ', '"', '1.', '.', ':', '~', forged),
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), (given) => {
        const header = given.join('');
        if (readPinCookie(header, config, noon) !== undefined) throw new Error(`taken: ${header}`);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('several real pins of one name', () => {
  const older = aPin(noon - 2_000, { main: { position: '1' }, users: 'clock' });
  const newer = aPin(noon - 1_000, { main: { position: '2' }, posts: 'clock' });

  test.each([
    ['older first', older, newer],
    ['newer first', newer, older],
  ])('all count, with the time of the latest: %s', (_, one, other) => {
    expect(read(`${cookieHeader(one, config)}; ${cookieHeader(other, config)}`)).toEqual({
      at: noon - 1_000,
      marks: { main: { position: '2' }, users: 'clock', posts: 'clock' },
    });
  });

  test.each<[string, Pin, string]>([
    ['of unknown position', aPin(noon - 2_000, { main: 'unknown' }), 'main'],
    ['to any cluster', aPin(noon - 2_000, { '*': 'unknown' }), 'main'],
  ])('none shortens another that holds a write %s', (_, long, cluster) => {
    const held = readPinCookie(`${cookieHeader(long, config)}; ${cookieHeader(newer, config)}`, config, noon);
    expect(held && pinDemand(held, cluster, { forMs: 5_000, maxAgeMs: 300_000 }, noon + 10_000)).toBe(
      'primary',
    );
  });
});

describe('rotation of the secret', () => {
  const rotated = configWith({ secret: [otherSecret, secret] });

  test('leaves the pins of the old secret valid', () => {
    expect(read(real, rotated)).toEqual(inWords(pin));
  });

  test('signs new pins with the new secret', () => {
    expect(read(cookieHeader(pin, rotated), configWith({ secret: otherSecret }))).toEqual(inWords(pin));
    expect(read(cookieHeader(pin, rotated), config)).toBeUndefined();
  });

  test('ends with the removal of the old secret', () => {
    expect(read(real, configWith({ secret: otherSecret }))).toBeUndefined();
  });
});

describe('in production', () => {
  afterEach(() => vi.unstubAllEnvs());

  test('the cookie is secure, also behind a proxy that speaks HTTP', () => {
    vi.stubEnv('NODE_ENV', 'production');
    expect(parseSetCookie(setCookie(pin, configWith(), false)).secure).toBe(true);
    expect(
      parseSetCookie(setCookie(pin, configWith({ cookie: { secure: false } }), false)).secure,
    ).toBeUndefined();
  });
});
