import { afterEach, describe, expect, test, vi } from 'vitest';
import { onReplicationEvent, type ReplicationEvents } from '../src/events.js';
import { PinKeeper, type UniteTokens } from '../src/pin-keeper.js';
import { MemoryPinStore, type PinStore } from '../src/pin-store.js';
import { describePinStore } from './pin-store-contract.js';
import { noon } from './requests.js';

afterEach(() => vi.useRealTimers());

const shared = new MemoryPinStore();
describePinStore('the store in memory', { open: () => shared });

describe('the store in memory, besides', () => {
  const put = (store: PinStore, client: string, token: string, ttlMs = 1_000): Promise<void> =>
    store.advance(client, () => token, ttlMs);

  test('forgets a token when its time is over', async () => {
    let now = noon;
    const store = new MemoryPinStore({ now: () => now });
    await put(store, 'ann', 'a', 1_000);
    now += 999;
    expect(await store.get('ann')).toBe('a');
    now += 1;
    expect(await store.get('ann')).toBeUndefined();
    await store.advance('ann', (stored) => String(stored), 1_000);
    expect(await store.get('ann')).toBe('undefined');
  });

  test('forgets the client that wrote the longest ago when it is full', async () => {
    const store = new MemoryPinStore({ max: 2 });
    for (const client of ['ann', 'bob', 'ann', 'eve']) await put(store, client, client);
    expect([await store.get('ann'), await store.get('bob'), await store.get('eve')]).toEqual([
      'ann',
      undefined,
      'eve',
    ]);
  });

  test.each([0, -1, 1.5, Number.NaN, '5'])('cannot have room for %j', (max) => {
    expect(() => new MemoryPinStore({ max: max as number })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION' }),
    );
  });
});

/** Tokens of these tests are lists of letters. */
const unite: UniteTokens = (stored, token) => [...new Set([...stored, ...token])].sort().join('');

/** A store that works when it is told to. */
class Moody extends MemoryPinStore {
  mood: 'works' | 'fails' | 'hangs' = 'works';
  calls = 0;

  override async get(client: string): Promise<string | undefined> {
    await this.#feel();
    return super.get(client);
  }

  override async advance(...given: Parameters<PinStore['advance']>): Promise<void> {
    await this.#feel();
    await super.advance(...given);
  }

  async #feel(): Promise<void> {
    this.calls += 1;
    if (this.mood === 'fails') throw new Error('down');
    if (this.mood === 'hangs') await new Promise(() => undefined);
  }
}

function keeperOf(store: PinStore): PinKeeper {
  return new PinKeeper({ store, identify: () => 'ann', timeoutMs: 50 }, 300_000);
}

async function failuresDuring(
  fn: () => Promise<unknown>,
): Promise<readonly ReplicationEvents['pin-store-failed'][]> {
  const failures: ReplicationEvents['pin-store-failed'][] = [];
  const stop = onReplicationEvent('pin-store-failed', (payload) => failures.push(payload));
  await fn();
  stop();
  return failures;
}

describe('a keeper', () => {
  test('moves forward what another process has stored meanwhile', async () => {
    const store = new Moody();
    await keeperOf(store).advance('ann', 'a', 1_000, unite);
    await keeperOf(store).advance('ann', 'b', 1_000, unite);
    expect(await keeperOf(store).get('ann')).toMatchObject({ token: 'ab', sure: true });
  });

  test.each(['fails', 'hangs'] as const)('is not sure of a client when the store %s', async (mood) => {
    const store = new Moody();
    const keeper = keeperOf(store);
    store.mood = mood;
    const failures = await failuresDuring(async () => {
      expect(await keeper.get('ann')).toMatchObject({ token: undefined, sure: false });
    });
    expect(failures).toEqual([{ operation: 'get', error: expect.stringMatching(/down|within 50 ms/) }]);
  });

  test.each(['fails', 'hangs'] as const)(
    'answers itself for what a store that %s has not taken',
    async (mood) => {
      vi.useFakeTimers();
      const store = new Moody();
      const keeper = keeperOf(store);
      store.mood = mood;
      const failures = await failuresDuring(async () => {
        for (const token of ['a', 'b']) {
          const advancing = keeper.advance('ann', token, 60_000, unite);
          await vi.advanceTimersByTimeAsync(50);
          await advancing;
        }
      });
      expect(failures.map(({ operation }) => operation)).toEqual(['advance', 'advance']);
      expect(await keeper.get('ann')).toMatchObject({ token: 'ab', sure: false });
      store.mood = 'works';
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await keeper.get('ann')).toMatchObject({ token: 'ab' });
    },
  );

  test.each(['fails', 'hangs'] as const)(
    'is sure again of a store that %s when other processes have had the time to tell it what it missed',
    async (mood) => {
      vi.useFakeTimers();
      const store = new Moody();
      const keeper = keeperOf(store);
      store.mood = mood;
      for (let call = 0; call < 3; call++) {
        const asking = keeper.get('ann');
        await vi.advanceTimersByTimeAsync(50);
        await asking;
      }
      store.mood = 'works';
      await vi.advanceTimersByTimeAsync(1_000);
      await keeper.get('ann');
      await vi.advanceTimersByTimeAsync(4_999);
      expect(await keeper.get('ann')).toMatchObject({ sure: false });
      await vi.advanceTimersByTimeAsync(1);
      expect(await keeper.get('ann')).toMatchObject({ sure: true });
    },
  );

  test('is not put off by a call that fails now and then', async () => {
    const store = new Moody();
    const keeper = keeperOf(store);
    for (let turn = 0; turn < 5; turn++) {
      store.mood = 'fails';
      await keeper.get('ann');
      store.mood = 'works';
      expect(await keeper.get('ann')).toMatchObject({ sure: true });
    }
  });

  test('stores it as soon as it can, beside what others have stored', async () => {
    const store = new Moody();
    const keeper = keeperOf(store);
    store.mood = 'fails';
    await keeper.advance('ann', 'b', 10_000, unite);
    store.mood = 'works';
    await keeperOf(store).advance('ann', 'a', 10_000, unite);
    await vi.waitFor(async () => expect(await store.get('ann')).toBe('ab'), { timeout: 5_000 });
  });

  test('asks a store that is down for everything once a second, and no more', async () => {
    vi.useFakeTimers();
    const store = new Moody();
    const keeper = keeperOf(store);
    store.mood = 'fails';
    for (const client of ['ann', 'bob', 'eve']) await keeper.advance(client, 'a', 10_000, unite);
    store.calls = 0;
    await vi.advanceTimersByTimeAsync(5_500);
    expect(store.calls).toBe(5);
  });

  test('takes null from a store for nothing, as clients of some databases give it', async () => {
    const said: unknown[] = [];
    const store = {
      get: async () => null,
      advance: async (_: string, advance: (stored: null) => string) => void said.push(advance(null)),
    };
    const keeper = keeperOf(store as unknown as PinStore);
    await keeper.advance('ann', 'a', 1_000, unite);
    expect(said).toEqual(['a']);
    expect(await keeper.get('ann')).toEqual({ token: undefined, sure: true });
  });

  test('is not sure of a client when the store gives something else than a token', async () => {
    const store = { get: async () => Buffer.from('a'), advance: async () => undefined };
    expect(await keeperOf(store as unknown as PinStore).get('ann')).toMatchObject({ sure: false });
  });

  test('gets its other clients past one that the store never takes', async () => {
    vi.useFakeTimers();
    const store = new Moody();
    const keeper = keeperOf(store);
    store.mood = 'fails';
    for (const client of ['poison', 'bob', 'eve']) await keeper.advance(client, 'a', 100_000, unite);
    store.mood = 'works';
    const { advance } = store;
    store.advance = async (client, ...rest) => {
      if (client === 'poison') throw new Error('never');
      await advance.call(store, client, ...rest);
    };
    await vi.advanceTimersByTimeAsync(2_100);
    expect([await store.get('bob'), await store.get('eve')]).toEqual(['a', 'a']);
  });

  test('forgets what the store has not taken when its time is over', async () => {
    vi.useFakeTimers();
    const store = new Moody();
    const keeper = keeperOf(store);
    store.mood = 'fails';
    await keeper.advance('ann', 'a', 3_000, unite);
    await vi.advanceTimersByTimeAsync(4_500);
    store.calls = 0;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(store.calls).toBe(0);
    expect(await keeper.get('ann')).toMatchObject({ token: undefined, sure: false });
  });

  test('does not keep the process alive', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    const store = new Moody();
    store.mood = 'fails';
    await keeperOf(store).advance('ann', 'a', 1_000, unite);
    const retries = timers.mock.results.filter((_, call) => timers.mock.calls[call]?.[1] === 1_000);
    expect(retries.map(({ value }) => value.hasRef())).toEqual([false]);
    timers.mockRestore();
  });
});
