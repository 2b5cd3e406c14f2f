import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { defineReplication, type ReplicationOptions } from '../src/options.js';
import { MemoryPinStore } from '../src/pin-store.js';
import { otherSecret, secret, signerWith, thrownBy } from './requests.js';

const text = 'a text';

/** Which of these secrets signs, and which of them are verified. */
function secretsOf(options: ReplicationOptions): { signs: string | undefined; verified: readonly string[] } {
  const { signer } = defineReplication(options);
  const candidates = [secret, otherSecret];
  return {
    signs: candidates.find((one) => signerWith([one]).sign(text) === signer.sign(text)),
    verified: candidates.filter((one) => signer.verify(text, signerWith([one]).sign(text))),
  };
}

beforeEach(() => {
  vi.stubEnv('REPLICATION_SECRET', undefined);
  vi.stubEnv('NODE_ENV', 'test');
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('defaults', () => {
  test('are what the documentation says', () => {
    expect(defineReplication({ secret })).toMatchObject({
      pin: { forMs: 5_000, maxAgeMs: 300_000 },
      cookie: { name: 'replication_pin', path: '/', domain: undefined, sameSite: 'lax', secure: undefined },
      monotonicReads: false,
      serverTiming: false,
      refuseWritesWhenReadOnly: false,
      tokenHeader: false,
      pinKeeper: undefined,
      safeMethods: new Set(['GET', 'HEAD']),
      forceHeader: false,
      now: Date.now,
    });
  });

  test('override nothing', () => {
    const { overrides } = defineReplication({ secret });
    expect(overrides.find({ method: 'GET', path: '/', view: undefined, route: undefined })).toBeUndefined();
  });

  test('stand in for what is left out of a group', () => {
    const config = defineReplication({ secret, pin: { forMs: 0 }, cookie: { name: 'p' } });
    expect(config.pin).toEqual({ forMs: 0, maxAgeMs: 300_000 });
    expect(config.cookie).toMatchObject({ name: 'p', path: '/', sameSite: 'lax' });
  });

  test('stand in for undefined', () => {
    const options = Object.fromEntries(
      ['pin', 'cookie', 'safeMethods', 'overrides', 'forceHeader', 'now'].map((name) => [name, undefined]),
    );
    expect(thrownBy(() => defineReplication({ secret, ...options }))).toBeUndefined();
  });

  test('make the cookie secure in production', () => {
    vi.stubEnv('NODE_ENV', 'production');
    expect(defineReplication({ secret }).cookie).toMatchObject({ secure: true });
    expect(defineReplication({ secret, cookie: { secure: false } }).cookie).toMatchObject({ secure: false });
  });
});

describe('what is given', () => {
  test('is taken', () => {
    const now = (): number => 7;
    const cookie = {
      name: 'p',
      path: '/a',
      domain: 'example.com',
      sameSite: 'strict',
      secure: true,
    } as const;
    expect(
      defineReplication({ secret, pin: { forMs: 1, maxAgeMs: 2 }, cookie, now, forceHeader: 'X-Role' }),
    ).toMatchObject({ pin: { forMs: 1, maxAgeMs: 2 }, cookie, now, forceHeader: 'x-role' });
  });

  test('may switch pins off', () => {
    expect(defineReplication({ pin: false }).pin).toBe(false);
  });

  test('may name methods in small letters, and none at all', () => {
    expect(defineReplication({ secret, safeMethods: ['get', 'QUERY'] }).safeMethods).toEqual(
      new Set(['GET', 'QUERY']),
    );
    expect(defineReplication({ secret, safeMethods: [] }).safeMethods).toEqual(new Set());
  });

  test('may let a pin hold as long as it counts', () => {
    expect(defineReplication({ secret, pin: { forMs: 9, maxAgeMs: 9 } }).pin).toEqual({
      forMs: 9,
      maxAgeMs: 9,
    });
  });
});

describe('the config', () => {
  test('is frozen, with all that is in it', () => {
    const config = defineReplication({ secret });
    for (const part of [config, config.pin, config.cookie, config.overrides, config.signer])
      expect(Object.isFrozen(part)).toBe(true);
  });

  test('is returned as it is when it is given again', () => {
    const config = defineReplication({ secret });
    expect(defineReplication(config)).toBe(config);
  });

  test('is not taken for one when it only looks like one', () => {
    const imitation = { ...defineReplication({ secret }) };
    expect(thrownBy(() => defineReplication(imitation))).toMatchObject({ code: 'ERR_OPTION' });
  });

  test('is not reached by later changes to the options', () => {
    const options = { secret: [secret], pin: { forMs: 1 }, safeMethods: ['GET'], cookie: { name: 'p' } };
    const config = defineReplication(options);
    options.pin.forMs = 2;
    options.safeMethods.push('POST');
    options.cookie.name = 'q';
    expect(config).toMatchObject({ pin: { forMs: 1 }, cookie: { name: 'p' }, safeMethods: new Set(['GET']) });
  });

  test('shows no secret', () => {
    expect(JSON.stringify(defineReplication({ secret }))).not.toContain(secret);
  });
});

const store = new MemoryPinStore();
const identify = (): string => 'somebody';

describe('an option that cannot be used', () => {
  const bad: readonly [name: string, options: unknown, why: string][] = [
    ['sercet', { sercet: secret }, 'there is no such option'],
    ['__proto__', JSON.parse('{"__proto__":{}}'), 'there is no such option'],

    ['pin.forms', { pin: { forms: 5 } }, 'there is no such option'],
    ['pin.forMs', { pin: { forMs: -1 } }, 'ms'],
    ['pin.forMs', { pin: { forMs: '5000' } }, 'ms'],
    ['pin.forMs', { pin: { forMs: Number.NaN } }, 'ms'],
    ['pin.forMs', { pin: { forMs: Number.POSITIVE_INFINITY } }, 'ms'],
    ['pin.forMs', { pin: { forMs: null } }, 'ms'],
    ['pin.maxAgeMs', { pin: { maxAgeMs: 0, forMs: 0 } }, 'above zero'],
    ['pin.maxAgeMs', { pin: { maxAgeMs: '1h' } }, 'ms'],
    ['pin.maxAgeMs', { pin: { maxAgeMs: Number.POSITIVE_INFINITY } }, 'ms'],
    ['pin.maxAgeMs', { pin: { forMs: 10, maxAgeMs: 9 } }, 'pin.forMs'],
    ['pin', { pin: 5_000 }, 'false'],
    ['pin', { pin: '5s' }, ''],

    ['monotonicReads', { monotonicReads: 'yes' }, 'true or false'],
    ['serverTiming', { serverTiming: 'yes' }, 'true or false'],
    ['refuseWritesWhenReadOnly', { refuseWritesWhenReadOnly: 'yes' }, 'true or false'],
    ['monotonicReads', { monotonicReads: true, pin: false }, 'pin is false'],
    ['tokenHeader', { tokenHeader: 'a b' }, 'header name'],
    ['tokenHeader', { tokenHeader: 5 }, 'header name'],
    ['tokenHeader', { tokenHeader: true, pin: false }, 'pin is false'],
    ['pinStore', { pinStore: 'redis' }, 'object'],
    ['pinStore', { pinStore: null }, 'object'],
    ['pinStore.store', { pinStore: {} }, 'get and advance'],
    ['pinStore.store', { pinStore: { store: new Map(), identify } }, 'get and advance'],
    ['pinStore.identify', { pinStore: { store } }, 'function'],
    ['pinStore.timeoutMs', { pinStore: { store, identify, timeoutMs: 0 } }, 'ms'],
    ['pinStore.timeoutMs', { pinStore: { store, identify, timeoutMs: 2 ** 31 } }, 'ms'],
    ['pinStore.client', { pinStore: { store, identify, client: 'x' } }, 'no such option'],
    ['pinStore', { pinStore: { store, identify }, pin: false }, 'pin is false'],

    ['cookie.maxAge', { cookie: { maxAge: 5 } }, 'there is no such option'],
    ['cookie.name', { cookie: { name: '' } }, 'cookie name'],
    ['cookie.name', { cookie: { name: 'a b' } }, 'cookie name'],
    ['cookie.name', { cookie: { name: 'a=b' } }, 'cookie name'],
    ['cookie.name', { cookie: { name: 'a;b' } }, 'cookie name'],
    ['cookie.name', { cookie: { name: 'a\r\nSet-Cookie: b' } }, 'cookie name'],
    ['cookie.name', { cookie: { name: 5 } }, 'cookie name'],
    ['cookie.name', { cookie: { name: null } }, 'cookie name'],
    ['cookie.path', { cookie: { path: 'app' } }, 'begin with /'],
    ['cookie.path', { cookie: { path: '/a; Domain=b' } }, ''],
    ['cookie.path', { cookie: { path: '/a\r\nX: y' } }, ''],
    ['cookie.path', { cookie: { path: 5 } }, 'begin with /'],
    ['cookie.path', { cookie: { path: '/é' } }, ''],
    ['cookie.path', { cookie: { path: '/\u0000' } }, ''],
    ['cookie.domain', { cookie: { domain: '' } }, 'host name'],
    ['cookie.domain', { cookie: { domain: 'https://example.com' } }, 'host name'],
    ['cookie.domain', { cookie: { domain: 'a b' } }, 'host name'],
    ['cookie.domain', { cookie: { domain: 'a..b' } }, 'host name'],
    ['cookie.domain', { cookie: { domain: '-a.example.com' } }, 'host name'],
    ['cookie.domain', { cookie: { domain: 'example.com.' } }, 'host name'],
    ['cookie.domain', { cookie: { domain: 5 } }, 'host name'],
    ['cookie.sameSite', { cookie: { sameSite: 'Lax' } }, "'lax'"],
    ['cookie.sameSite', { cookie: { sameSite: true } }, "'lax'"],
    ['cookie.secure', { cookie: { secure: 'auto' } }, 'true or false'],
    ['cookie', { cookie: null }, ''],
    ['cookie', { cookie: 'p' }, ''],

    ['safeMethods', { safeMethods: 'GET' }, 'list'],
    ['safeMethods', { safeMethods: null }, 'list'],
    ['safeMethods', { safeMethods: ['GET', 5] }, 'list'],
    ['safeMethods', { safeMethods: ['GET '] }, 'list'],
    ['safeMethods', { safeMethods: [''] }, 'list'],
    ['safeMethods', { safeMethods: new Set(['GET']) }, 'list'],

    ['overrides', { overrides: 5 }, ''],
    ['overrides', { overrides: ['/x'] }, ''],
    ['overrides', { overrides: ['primary'] }, ''],
    ['overrides', { overrides: new Map([['/x', 'primary']]) }, ''],

    ['forceHeader', { forceHeader: true }, 'header name'],
    ['forceHeader', { forceHeader: '' }, 'header name'],
    ['forceHeader', { forceHeader: 'x role' }, 'header name'],
    ['forceHeader', { forceHeader: null }, 'header name'],

    ['now', { now: 5 }, ''],
    ['now', { now: 'yesterday' }, ''],

    ['secret', { secret: 5 }, 'string'],
    ['secret', { secret: null }, 'string'],
    ['secret', { secret: [secret, 5] }, 'string'],
    ['secret', { secret: { one: secret } }, 'string'],
  ];

  test.each(bad.map(([name, options, why]) => ({ name, options, why })))(
    'is refused by name when the config is made: $name in $options',
    ({ name, options, why }) => {
      const error = thrownBy(() =>
        defineReplication(
          Object.assign(Object.create(null), { secret }, Object(options)) as ReplicationOptions,
        ),
      );
      expect(error).toMatchObject({
        name: 'ReplicationError',
        code: expect.stringMatching(/^ERR_(OPTION|ROLE)$/),
      });
      expect((error as Error).message).toMatch(
        new RegExp(`^${name.replace('.', '\\.')}(\\[.*\\])?: .*${why.replace('/', '\\/')}`),
      );
    },
  );

  test.each([
    ['ERR_OVERRIDE', { overrides: { 'no path': 'primary' } }, "overrides['no path']"],
    ['ERR_ROLE', { overrides: { '/x': 'writer' } }, "overrides['/x']"],
    ['ERR_OPTION', { overrides: { '/x': { role: 'replica', maxLagMs: -1 } } }, "overrides['/x']"],
  ])('is refused with %s when it stands in the override map', (code, options, place) => {
    const error = thrownBy(() => defineReplication({ secret, ...options } as ReplicationOptions));
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(place);
  });

  test.each([null, 5, 'options', true])('is refused where there are no options at all: %j', (options) => {
    expect(thrownBy(() => defineReplication(options as never))).toMatchObject({ code: 'ERR_OPTION' });
  });
});

describe('the secret', () => {
  test('may be one, or a list in which the first signs and any verifies', () => {
    expect(secretsOf({ secret })).toEqual({ signs: secret, verified: [secret] });
    expect(secretsOf({ secret: [otherSecret, secret] })).toEqual({
      signs: otherSecret,
      verified: [secret, otherSecret],
    });
  });

  test('comes from REPLICATION_SECRET when the option is left out', () => {
    vi.stubEnv('REPLICATION_SECRET', secret);
    expect(secretsOf({})).toEqual({ signs: secret, verified: [secret] });
  });

  test('may be rotated in REPLICATION_SECRET, with a comma', () => {
    vi.stubEnv('REPLICATION_SECRET', `${otherSecret}, ${secret}`);
    expect(secretsOf({})).toEqual({ signs: otherSecret, verified: [secret, otherSecret] });
  });

  test('given as an option beats REPLICATION_SECRET', () => {
    vi.stubEnv('REPLICATION_SECRET', otherSecret);
    expect(secretsOf({ secret })).toEqual({ signs: secret, verified: [secret] });
  });

  test('given as an option may contain a comma', () => {
    expect(defineReplication({ secret: `${'x'.repeat(31)},` }).signer.sign(text)).toHaveLength(43);
  });

  test.each([
    ['too short', { secret: 'x'.repeat(31) }],
    ['empty', { secret: '' }],
    ['an empty list', { secret: [] }],
    ['too short in the second place', { secret: [secret, 'short'] }],
  ])('is refused with ERR_SECRET when it is %s', (_, options) => {
    const error = thrownBy(() => defineReplication(options));
    expect(error).toMatchObject({ code: 'ERR_SECRET' });
    expect(String(error)).toContain('secret');
  });

  test.each(['short', `${secret},short`, `${secret},`, '   ', ','])(
    'is refused with ERR_SECRET, naming the variable, when REPLICATION_SECRET is %j',
    (value) => {
      vi.stubEnv('REPLICATION_SECRET', value);
      const error = thrownBy(() => defineReplication());
      expect(error).toMatchObject({ code: 'ERR_SECRET' });
      expect(String(error)).toContain('REPLICATION_SECRET');
    },
  );

  test('is required in production', () => {
    vi.stubEnv('NODE_ENV', 'production');
    const error = thrownBy(() => defineReplication());
    expect(error).toMatchObject({ code: 'ERR_SECRET' });
    expect(String(error)).toContain('REPLICATION_SECRET');
    vi.stubEnv('REPLICATION_SECRET', '');
    expect(thrownBy(() => defineReplication())).toMatchObject({ code: 'ERR_SECRET' });
  });

  test('is not required in production when pins are switched off', () => {
    vi.stubEnv('NODE_ENV', 'production');
    expect(thrownBy(() => defineReplication({ pin: false }))).toBeUndefined();
  });

  test.each([
    ['a short one', { secret: 'hunter2' }],
    ['a short one beside a good one', { secret: [secret, 'hunter2'] }],
    ['one in the wrong shape', { secret: { hunter2: 'hunter2' } }],
    ['a list in the wrong shape', { secret: [['hunter2']] }],
    ['a good one beside another mistake', { secret: `hunter2${secret}`, pin: { forMs: -1 } }],
    ['a good one beside an unknown option', { secret: `hunter2${secret}`, extra: 1 }],
  ])('stands in no error message: %s', (_, options) => {
    const error = thrownBy(() => defineReplication(options as unknown as ReplicationOptions)) as Error;
    expect(error).toMatchObject({ name: 'ReplicationError' });
    expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain('hunter2');
  });

  test('of the environment stands in no error message', () => {
    vi.stubEnv('REPLICATION_SECRET', 'hunter2');
    const error = thrownBy(() => defineReplication()) as Error;
    expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain('hunter2');
  });
});

describe('without a secret in development', () => {
  /** A fresh copy of the module, which has not warned yet. */
  async function fresh(): Promise<{ define: typeof defineReplication; warn: ReturnType<typeof vi.spyOn> }> {
    vi.resetModules();
    const { defineReplication: define } = await import('../src/options.js');
    return { define, warn: vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined) };
  }

  test('pins are signed with a random one, another for each config', () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const [one, other] = [defineReplication(), defineReplication()];
    expect(one.signer.verify(text, one.signer.sign(text))).toBe(true);
    expect(other.signer.verify(text, one.signer.sign(text))).toBe(false);
  });

  test('the process is warned, once', async () => {
    const { define, warn } = await fresh();
    for (let i = 0; i < 3; i++) define();
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining('REPLICATION_SECRET'),
      expect.objectContaining({ code: 'REPLICATION_RANDOM_SECRET' }),
    );
  });

  test.each<[string, ReplicationOptions]>([
    ['there is one', { secret }],
    ['pins are switched off', { pin: false }],
  ])('nobody is warned when %s', async (_, options) => {
    const { define, warn } = await fresh();
    define(options);
    expect(warn).not.toHaveBeenCalled();
  });
});

describe('docs/options.md', () => {
  const page = readFileSync(new URL('../../../docs/options.md', import.meta.url), 'utf8');
  const source = ['options.ts', 'cookie-options.ts', 'pin-keeper.ts']
    .map((file) => readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8'))
    .join('\n');

  /** The fields of an interface in the source. */
  function fieldsOf(name: string): readonly string[] {
    const body = source.split(`export interface ${name} {\n`)[1]?.split('\n}')[0] ?? '';
    return [...body.matchAll(/^ {2}(?:readonly )?(\w+)(?:\??:|\()/gm)].map(([, field = '']) => field);
  }

  test('has a row for each option, and none for what is no option', () => {
    const section = page.split('## `ReplicationOptions`')[1]?.split(/^##/m)[0] ?? '';
    const documented = [...section.matchAll(/^\| `([\w.]+)` +\|/gm)].map(([, name]) => name);
    const options = fieldsOf('ReplicationOptions').flatMap((name) =>
      name === 'pin'
        ? [name, ...fieldsOf('PinOptions').map((field) => `pin.${field}`)]
        : name === 'cookie'
          ? [name, ...fieldsOf('PinCookieOptions').map((field) => `cookie.${field}`)]
          : name === 'pinStore'
            ? fieldsOf('PinStoreOptions').map((field) => `pinStore.${field}`)
            : [name],
    );
    expect(options).toContain('cookie.sameSite');
    expect(options).toContain('pinStore.identify');
    expect(documented.toSorted()).toEqual(options.toSorted());
  });
});
