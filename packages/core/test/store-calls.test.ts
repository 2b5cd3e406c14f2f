import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { PinStore } from '../src/pin-store.js';
import { StoreCalls } from '../src/store-calls.js';

const timeoutMs = 500;

/** A store whose calls are answered when, and as, the test says. */
class HeldStore implements PinStore {
  readonly asked: PromiseWithResolvers[] = [];

  get(): Promise<string | undefined> {
    return this.#hold();
  }

  async advance(): Promise<void> {
    await this.#hold();
  }

  #hold(): Promise<string | undefined> {
    return new Promise((resolve, reject) => this.asked.push({ resolve, reject }));
  }
}

interface PromiseWithResolvers {
  resolve(token?: string): void;
  reject(error: Error): void;
}

let store: HeldStore;
let calls: StoreCalls;

beforeEach(() => {
  vi.useFakeTimers();
  store = new HeldStore();
  calls = new StoreCalls(store, timeoutMs);
});

afterEach(() => vi.useRealTimers());

/** What becomes of a call, once so many ms are over. */
async function afterMs(ms: number, call: Promise<unknown>): Promise<string> {
  let outcome = 'waits';
  call.then(
    (token) => {
      outcome = `gives ${token}`;
    },
    (error: Error) => {
      outcome = error.message;
    },
  );
  await vi.advanceTimersByTimeAsync(ms);
  return outcome;
}

async function silence(): Promise<void> {
  expect(await afterMs(timeoutMs, calls.get('ann'))).toMatch(/within 500 ms/);
}

describe('a store that is silent', () => {
  test('is waited for by those who ask before that is known, and by nobody afterwards', async () => {
    const early = [calls.get('ann'), calls.get('bob'), calls.advance('eve', () => 'a', 1)];
    const outcomes = Promise.all(early.map((call) => afterMs(0, call).then(() => call.catch(String))));
    await vi.advanceTimersByTimeAsync(timeoutMs);
    expect(await outcomes).toEqual(early.map(() => expect.stringMatching(/within 500 ms/)));
    expect(await afterMs(0, calls.get('ann'))).toMatch(/is silent/);
    expect(
      await afterMs(
        0,
        calls.advance('ann', () => 'a', 1),
      ),
    ).toMatch(/is silent/);
    expect(store.asked).toHaveLength(3);
  });

  test('is asked once a second, however many there are who would ask', async () => {
    await silence();
    for (let ms = 0; ms < 5_000; ms += 100) expect(await afterMs(100, calls.get('ann'))).toMatch(/is silent/);
    expect(store.asked.length).toBeGreaterThan(4);
    expect(store.asked.length).toBeLessThan(7);
  });

  test('is asked by everybody again once it has answered one', async () => {
    await silence();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await afterMs(0, calls.get('bob'))).toMatch(/is silent/);
    store.asked.at(-1)?.resolve('b');
    await vi.advanceTimersByTimeAsync(0);
    const asking = calls.get('ann');
    store.asked.at(-1)?.resolve('a');
    expect(await afterMs(0, asking)).toBe('gives a');
  });

  test('is not silent any more when a late answer comes', async () => {
    await silence();
    store.asked[0]?.resolve('late');
    await vi.advanceTimersByTimeAsync(0);
    expect(await afterMs(0, calls.get('ann'))).toBe('waits');
  });

  test('is still taken for silent when it fails, as a client does that gives up', async () => {
    await silence();
    store.asked[0]?.reject(new Error('gave up'));
    await vi.advanceTimersByTimeAsync(0);
    expect(await afterMs(0, calls.get('ann'))).toMatch(/is silent/);
  });

  test('is waited for by those who have time', async () => {
    await silence();
    const patient = calls.advancePatiently('ann', () => 'a', 1);
    expect(await afterMs(0, patient)).toBe('waits');
    store.asked.at(-1)?.resolve();
    expect(await afterMs(0, patient)).toBe('gives undefined');
    expect(await afterMs(0, calls.get('ann'))).toBe('waits');
  });
});

test('a call that is slow while others are answered is late, and makes nobody else wait less', async () => {
  const slow = calls.get('slow');
  const quick = calls.get('ann');
  store.asked[1]?.resolve('a');
  expect(await afterMs(0, quick)).toBe('gives a');
  expect(await afterMs(timeoutMs, slow)).toMatch(/within 500 ms/);
  expect(await afterMs(0, calls.get('bob'))).toBe('waits');
});

test('a store that fails is asked each time: nobody has to wait for that', async () => {
  for (let call = 0; call < 3; call++) {
    const asking = calls.get('ann');
    store.asked.at(-1)?.reject(new Error('down'));
    expect(await afterMs(0, asking)).toBe('down');
  }
  expect(store.asked).toHaveLength(3);
});
