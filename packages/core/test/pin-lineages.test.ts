import { describe, expect, test } from 'vitest';
import { registerCluster } from '../src/cluster-registry.js';
import { readyToSeal, sealResponse } from '../src/lifecycle.js';
import type { ReplicationConfig } from '../src/options.js';
import { pinText } from '../src/pin.js';
import { PinLineages } from '../src/pin-lineages.js';
import type { Scope } from '../src/scope.js';
import { aPin, aRequest, configWith, cookieHeader, further, noon } from './requests.js';

let position = '0';
const cluster = {
  name: 'main',
  readOnly: false,
  currentPosition: async () => position,
  join: further,
};
const unregister = registerCluster(cluster);

const post = (config: ReplicationConfig, cookie: string): Scope =>
  aRequest({ config, facts: { method: 'POST', headers: { cookie } } });

/** Answers a request that wrote up to a position; the cookie that the client is given. */
async function answered(scope: Scope, upTo: string): Promise<string> {
  position = upTo;
  scope.session.beginWrite(cluster);
  scope.session.endWrite(cluster);
  await readyToSeal(scope);
  return sealResponse(scope)?.cookie?.split(';', 1).join() ?? '';
}

const asked = (config: ReplicationConfig, cookie: string): unknown =>
  aRequest({ config, facts: { headers: { cookie } } }).decide('main').position;

describe('two tabs whose responses overtake each other', () => {
  const settings = { pin: { forMs: 0 } };

  test('leave their client with the further position, whichever cookie it kept', async () => {
    const config = configWith(settings);
    const first = await answered(post(config, ''), '1');
    const [left, right] = [post(config, first), post(config, first)];
    const slow = await answered(left, '3');
    const fast = await answered(right, '9');
    expect([slow, fast].map((kept) => asked(config, kept))).toEqual(['9', '9']);
    expect(asked(config, first)).toBe('9');
  });

  test('do so as well where the response that is behind is made later', async () => {
    const config = configWith(settings);
    const first = await answered(post(config, ''), '1');
    const [left, right] = [post(config, first), post(config, first)];
    await answered(right, '9');
    expect(asked(configWith(settings), await answered(left, '3'))).toBe('9');
  });

  test('do so as well where their common cookie is from another process', async () => {
    const elsewhere = cookieHeader(aPin(noon - 1, { main: { position: '1' } }), configWith(settings));
    const config = configWith(settings);
    const [left, right] = [post(config, elsewhere), post(config, elsewhere)];
    const slow = await answered(left, '3');
    await answered(right, '9');
    expect(asked(config, slow)).toBe('9');
  });

  test('do so as well where another client was given the same words at the same moment', async () => {
    const config = configWith(settings);
    const first = await answered(post(config, ''), '1');
    const [left, right] = [post(config, first), post(config, first)];
    const slow = await answered(left, '3');
    const bob = await answered(post(config, ''), '3');
    await answered(right, '9');
    expect([slow, bob].map((kept) => asked(config, kept))).toEqual(['9', '3']);
  });

  test('are not held for longer because the clock of the process was wrong for a while', async () => {
    let now = noon + 3_600_000;
    const config = configWith({ ...settings, now: () => now });
    const kept = await answered(post(config, ''), '1');
    now = noon;
    expect(aRequest({ config, facts: { headers: { cookie: kept } } }).decide('main')).toMatchObject({
      role: 'replica',
      position: '1',
    });
  });

  test('leave other clients alone', async () => {
    const config = configWith(settings);
    const ann = await answered(post(config, ''), '1');
    const bob = await answered(post(config, ''), '2');
    await answered(post(config, ann), '9');
    expect([ann, bob].map((cookie) => asked(config, cookie))).toEqual(['9', '2']);
  });
});

describe('clients that wrote at the same moment, up to the same position', () => {
  const settings = { pin: { forMs: 0 } };

  test('are not taken for each other when one of them writes again', async () => {
    const config = configWith(settings);
    const clients = await Promise.all(Array.from({ length: 50 }, () => answered(post(config, ''), '1')));
    const [ann = '', ...others] = clients;
    await answered(post(config, ann), '9');
    expect(asked(config, ann)).toBe('9');
    expect(new Set(others.map((cookie) => asked(config, cookie)))).toEqual(new Set(['1']));
  });

  test('are given tokens of their own also where those name as many clusters as they can', () => {
    const lineages = new PinLineages();
    const names = [1, 2, 3, 4].map((n) => `cluster-with-a-name-of-30-byte-${n}`.slice(-30));
    const pin = aPin(noon, Object.fromEntries(names.map((name) => [name, { position: 'a'.repeat(4) }])));
    const tokens = Array.from({ length: 50 }, () => lineages.follow([], pin, pinText));
    expect(new Set(tokens).size).toBe(tokens.length);
    expect(Math.max(...tokens.map((token) => token.length))).toBeLessThanOrEqual(156);
  });
});

test('a process remembers so many tokens and no more', () => {
  const lineages = new PinLineages();
  const pin = (at: number): ReturnType<typeof aPin> => aPin(at, { main: { position: '1' } });
  for (let at = 0; at < 20_000; at += 1) lineages.follow([], pin(at), (each) => `token ${each.at}`);
  const known = Array.from({ length: 20_000 }, (_, at) => lineages.furthest(`token ${at}`));
  expect(known.filter((each) => each !== undefined).length).toBeLessThanOrEqual(10_000);
  expect(known.at(-1)).toBeDefined();
});

test('a pin that was moved by someone without the secret is not among them', () => {
  const config = configWith();
  const forged = cookieHeader(aPin(noon, { main: 'unknown' }), config).replace(/.$/, 'x');
  expect(asked(config, forged)).toBeUndefined();
});

test('the cluster of these tests is taken back', () => {
  unregister();
});
