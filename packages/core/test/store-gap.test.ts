import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Cluster, registerCluster } from '../src/cluster-registry.js';
import { onReplicationEvent } from '../src/events.js';
import { exportPin, runWithPin } from '../src/pin-passing.js';
import { MemoryPinStore } from '../src/pin-store.js';
import { encodePin } from '../src/pin-token.js';
import { currentScope, runInScope, type Scope } from '../src/scope.js';
import { aPin, aRequest, configWith, further, noon } from './requests.js';

const maxAgeMs = 300_000;
const graceMs = 5_000;

/** A store that may have forgotten all that is older than it says. */
class Forgetful extends MemoryPinStore {
  #since = Number.NEGATIVE_INFINITY;

  forget(ageMs = 0): void {
    this.#since = performance.now() - ageMs;
  }

  completeSince(): number {
    return this.#since;
  }
}

let store: Forgetful;
let config: ReturnType<typeof configWith>;
/** Where the primaries of the two clusters are. */
let places: Record<'main' | 'posts', string | undefined>;
let stops: (() => void)[];

beforeEach(() => {
  vi.useFakeTimers();
  store = new Forgetful({ now: () => noon });
  config = configWith({ pin: { forMs: 0 }, pinStore: { store, identify: () => 'ann' }, cookie: false });
  places = { main: '7', posts: '70' };
  stops = (['main', 'posts'] as const).map((name) => registerCluster(clusterNamed(name)));
});

afterEach(() => {
  for (const stop of stops) stop();
  vi.useRealTimers();
});

function clusterNamed(name: 'main' | 'posts'): Cluster {
  return {
    name,
    readOnly: false,
    currentPosition: async () => places[name],
    join: further,
  };
}

/** The scope of a request of ann's. */
async function get(): Promise<Scope> {
  const scope = aRequest({ config, facts: { request: {} } });
  await scope.session.loadPin();
  return scope;
}

/** Where ann reads from, in words. */
async function readsFrom(cluster = 'main'): Promise<string> {
  const { role, reason, position } = (await get()).decide(cluster);
  return [role, reason, position].filter(Boolean).join(' ');
}

async function later(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

describe('a store that has forgotten something', () => {
  test('leaves its clients on the primary while others may not have told it yet what it misses', async () => {
    store.forget();
    expect(await readsFrom()).toBe('primary pin');
    await later(graceMs - 1);
    expect(await readsFrom()).toBe('primary pin');
  });

  test('then sends them to replicas that have all that was written by then, for as long as a pin counts', async () => {
    store.forget();
    await readsFrom();
    places.main = '8';
    await later(graceMs);
    places.main = '9';
    expect([await readsFrom('main'), await readsFrom('posts')]).toEqual([
      'replica caught-up 8',
      'replica caught-up 70',
    ]);
    await later(maxAgeMs - 1);
    expect(await readsFrom()).toBe('replica caught-up 8');
    await later(1);
    expect(await readsFrom()).toBe('replica method');
  });

  test('longer ago than a pin counts has forgotten nothing that matters', async () => {
    store.forget(maxAgeMs);
    expect(await readsFrom()).toBe('replica method');
  });

  test('a while ago needs no more patience than is left of it', async () => {
    store.forget(graceMs - 1);
    expect(await readsFrom()).toBe('primary pin');
    await later(1);
    expect(await readsFrom()).toBe('replica caught-up 7');
  });

  test('and forgets again is given its time again', async () => {
    store.forget();
    await readsFrom();
    await later(graceMs - 1);
    store.forget();
    expect(await readsFrom()).toBe('primary pin');
    await later(graceMs - 1);
    expect(await readsFrom()).toBe('primary pin');
    await later(1);
    expect(await readsFrom()).toBe('replica caught-up 7');
  });

  test('keeps clients of a cluster without a primary waiting for its return, and those of no other', async () => {
    places.main = undefined;
    store.forget();
    await readsFrom();
    await later(graceMs);
    expect([await readsFrom('main'), await readsFrom('posts')]).toEqual([
      'primary pin',
      'replica caught-up 70',
    ]);
    places.main = '9';
    await later(1_000);
    expect([await readsFrom('main'), await readsFrom('posts')]).toEqual([
      'replica caught-up 9',
      'replica caught-up 70',
    ]);
  });

  test.each([
    ['6', 'replica caught-up 7'],
    ['8', 'replica caught-up 8'],
  ])('and a pin at %s: both count', async (position, expected) => {
    const token = encodePin(aPin(noon, { main: { position } }), config.signer);
    await store.advance('ann', () => token, maxAgeMs);
    store.forget();
    await readsFrom();
    await later(graceMs);
    expect(await readsFrom()).toBe(expected);
  });

  test('says so to jobs and to other services, by the tokens that they are given', async () => {
    store.forget();
    await readsFrom();
    await later(graceMs);
    const token = await runInScope(await get(), exportPin);
    const decision = runWithPin(token, { config }, () => currentScope()?.decide('main'));
    expect(decision).toMatchObject({ role: 'replica', reason: 'caught-up', position: '7' });
  });

  test('is reported once', async () => {
    const failures: unknown[] = [];
    const stop = onReplicationEvent('pin-store-failed', ({ error }) => failures.push(error));
    store.forget();
    for (let request = 0; request < 3; request++) await readsFrom();
    await later(graceMs);
    await readsFrom();
    stop();
    expect(failures).toEqual([expect.stringMatching(/may lack pins/)]);
  });
});
