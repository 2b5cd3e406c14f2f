import { parseSetCookie } from 'cookie';
import { describe, expect, test, vi } from 'vitest';
import { type Cluster, registerCluster } from '../src/cluster-registry.js';
import { onReplicationEvent } from '../src/events.js';
import { readyToSeal, sealResponse } from '../src/lifecycle.js';
import { readPin } from '../src/pin-carriers.js';
import { exportPin, runWithPin } from '../src/pin-passing.js';
import { MemoryPinStore } from '../src/pin-store.js';
import { currentScope, runInScope, type Scope } from '../src/scope.js';
import { inWords } from './pins.js';
import { aPin, aRequest, configWith, cookieHeader, further, noon } from './requests.js';

/** A cluster that is at one position, and whose nodes show another. */
function clusterAt(current: string, shown = current): Required<Omit<Cluster, 'events' | 'leastPosition'>> {
  return {
    name: 'main',
    readOnly: false,
    seekPrimary: () => undefined,
    currentPosition: vi.fn(async () => current),
    shownPosition: vi.fn(async () => shown),
    join: further,
  };
}

function write(scope: Scope, cluster: Cluster): void {
  scope.session.beginWrite(cluster);
  scope.session.endWrite(cluster);
}

describe('monotonic reads', () => {
  const config = configWith({ monotonicReads: true });

  async function sealedAfter(scope: Scope, act: () => void): Promise<unknown> {
    act();
    await readyToSeal(scope);
    const { cookie, isPrivate } = sealResponse(scope) ?? {};
    if (cookie === undefined) return undefined;
    const { name, value } = parseSetCookie(cookie);
    const pin = readPin({ cookie: `${name}=${value}` }, config, noon)?.pin;
    return { isPrivate, pin: pin && inWords(pin) };
  }

  test('give the client a pin that names what it has read, in a response that is its alone', async () => {
    const scope = aRequest({ config });
    expect(await sealedAfter(scope, () => scope.session.noteRead(clusterAt('9', '5'), 'replica'))).toEqual({
      isPrivate: true,
      pin: { at: 0, seenAt: noon, marks: { main: { position: '5', hold: 'seen' } } },
    });
  });

  test('ask one position for what was written and read', async () => {
    const scope = aRequest({ config, facts: { method: 'POST' } });
    const cluster = clusterAt('9', '5');
    const sealed = await sealedAfter(scope, () => {
      scope.session.noteRead(cluster, 'replica');
      write(scope, cluster);
    });
    expect(sealed).toMatchObject({ pin: { at: noon, marks: { main: { position: '9' } } } });
    expect(cluster.shownPosition).not.toHaveBeenCalled();
  });

  test('announce the first read, as only then the headers need be watched', () => {
    const scope = aRequest({ config });
    const announced = vi.fn();
    scope.session.pinObserver = { pinMoves: announced };
    expect(announced).not.toHaveBeenCalled();
    scope.session.noteRead(clusterAt('9'), 'replica');
    scope.session.noteRead(clusterAt('9'), 'replica');
    expect(announced).toHaveBeenCalledTimes(1);
  });

  test('do not take the pin of a write away, whichever answer comes last and whoever gives it', async () => {
    const answerOf = async (method: string, act: (scope: Scope) => void): Promise<string> => {
      const elsewhere = configWith({ monotonicReads: true, pin: { forMs: 0 } });
      const scope = aRequest({ config: elsewhere, facts: { method } });
      act(scope);
      await readyToSeal(scope);
      return sealResponse(scope)?.cookie?.split(';', 1).join() ?? '';
    };
    const written = await answerOf('POST', (scope) => write(scope, clusterAt('9')));
    const seen = await answerOf('GET', (scope) => scope.session.noteRead(clusterAt('9', '5'), 'replica'));
    expect([written, seen].map((cookie) => cookie.split('=')[0])).toEqual([
      'replication_pin',
      'replication_pin_seen',
    ]);
    const asking = configWith({ monotonicReads: true, pin: { forMs: 0 } });
    const unregister = registerCluster(clusterAt('9'));
    const next = aRequest({ config: asking, facts: { headers: { cookie: `${written}; ${seen}` } } });
    expect(next.decide('main')).toMatchObject({ position: '9' });
    const lone = aRequest({ config: asking, facts: { headers: { cookie: seen } } });
    expect(lone.decide('main')).toMatchObject({ position: '5' });
    unregister();
  });

  test('leave a response alone that asked no database', async () => {
    const scope = aRequest({ config });
    expect(await sealedAfter(scope, () => undefined)).toBeUndefined();
  });

  test('are off unless they are asked for', async () => {
    const scope = aRequest();
    scope.session.noteRead(clusterAt('9'), 'replica');
    expect(readyToSeal(scope)).toBeUndefined();
    expect(sealResponse(scope)).toBeUndefined();
    expect(scope.session.shownBy('main')).toBeUndefined();
  });

  test('know which nodes have shown something', () => {
    const { session } = aRequest({ config });
    expect(session.shownBy('main')).toBeUndefined();
    session.noteRead(clusterAt('9'), 'a');
    session.noteRead(clusterAt('9'), 'b');
    expect([...(session.shownBy('main') ?? [])]).toEqual(['a', 'b']);
    expect(session.shownBy('posts')).toBeUndefined();
  });
});

describe('a write that a replica has applied', () => {
  async function reasonAfter(...applied: readonly boolean[]): Promise<unknown> {
    const config = configWith();
    const scope = aRequest({ config, facts: { method: 'POST' } });
    const cluster = clusterAt('9');
    for (const each of applied) {
      scope.session.beginWrite(cluster, each);
      scope.session.endWrite(cluster);
    }
    await readyToSeal(scope);
    const cookie = sealResponse(scope)?.cookie?.split(';', 1).join() ?? '';
    return aRequest({ config, facts: { headers: { cookie } } }).decide('main').reason;
  }

  test('lets its client read from a replica at once', async () => {
    expect(await reasonAfter(true)).toBe('caught-up');
  });

  test.each([[[true, false]], [[false, true]], [[false]]])('beside others does not: %j', async (applied) => {
    expect(await reasonAfter(...applied)).toBe('pin');
  });
});

describe('the token header', () => {
  const config = configWith({ tokenHeader: true, cookie: false });

  test('carries the pin there and back', async () => {
    const scope = aRequest({ config, facts: { method: 'POST' } });
    write(scope, clusterAt('9'));
    await readyToSeal(scope);
    const seal = sealResponse(scope);
    expect(seal).toMatchObject({ cookie: undefined, token: { name: 'replication-token' }, isPrivate: false });
    const headers = { 'replication-token': seal?.token?.value };
    expect(aRequest({ config, facts: { headers } }).decide('main').reason).toBe('pin');
  });

  test('is not looked at where it was not asked for', () => {
    const token = cookieHeader(aPin(noon, { main: 'unknown' }), configWith()).replace(/^[^=]*=/, '');
    const headers = { 'replication-token': token };
    expect(aRequest({ config, facts: { headers } }).decide('main').reason).toBe('pin');
    expect(aRequest({ facts: { headers } }).decide('main').reason).toBe('method');
  });

  test('counts beside a cookie: the client is pinned by both', () => {
    const both = configWith({ tokenHeader: 'X-Pin', pin: { forMs: 0 } });
    const token = cookieHeader(aPin(noon, { posts: { position: '3' } }), both).replace(/^[^=]*=/, '');
    const cookie = cookieHeader(aPin(noon, { main: { position: '5' } }), both);
    const scope = aRequest({ config: both, facts: { headers: { cookie, 'x-pin': token } } });
    expect([scope.decide('main').position, scope.decide('posts').position]).toEqual(['5', '3']);
  });

  test('given several times, as a list, is no token', () => {
    const headers = { 'replication-token': ['a', 'b'] };
    expect(aRequest({ config, facts: { headers } }).decide('main').reason).toBe('method');
  });
});

describe('a stored pin', () => {
  const request = { user: 'ann' };
  const nameOf = (from: object): string | undefined => (from as { user?: string }).user;

  const configOn = (store: MemoryPinStore): ReturnType<typeof configWith> =>
    configWith({ pinStore: { store, identify: nameOf }, cookie: false });

  test('is found for a client that brings nothing', async () => {
    const config = configOn(new MemoryPinStore({ now: () => noon }));
    const post = aRequest({ config, facts: { method: 'POST', request } });
    write(post, clusterAt('9'));
    await readyToSeal(post);
    expect(sealResponse(post)).toMatchObject({ cookie: undefined });

    const get = aRequest({ config, facts: { request } });
    expect(get.decide('main').reason).toBe('method');
    await get.session.loadPin();
    expect(get.decide('main').reason).toBe('pin');
    const other = aRequest({ config, facts: { request: { user: 'bob' } } });
    await other.session.loadPin();
    expect(other.decide('main').reason).toBe('method');
  });

  test('is asked for once, and only when it is known who asks', async () => {
    const store = new MemoryPinStore({ now: () => noon });
    const get = vi.spyOn(store, 'get');
    const later: { user?: string } = {};
    const { session } = aRequest({ config: configOn(store), facts: { request: later } });
    expect(session.loadPin()).toBeUndefined();
    later.user = 'ann';
    await session.loadPin();
    expect(session.loadPin()).toBeUndefined();
    expect(get.mock.calls).toEqual([['ann']]);
  });

  test('counts as a write that may be anywhere while the store fails', async () => {
    const store = new MemoryPinStore();
    vi.spyOn(store, 'get').mockRejectedValue(new Error('down'));
    const scope = aRequest({ config: configOn(store), facts: { request } });
    await scope.session.loadPin();
    expect(scope.decide('main')).toMatchObject({ role: 'primary', reason: 'pin' });
  });

  test('moves when a write ends after the headers have left', async () => {
    const config = configOn(new MemoryPinStore({ now: () => noon }));
    const post = aRequest({ config, facts: { method: 'POST', request } });
    await readyToSeal(post);
    sealResponse(post);
    const late: unknown[] = [];
    const stop = onReplicationEvent('late-write', (payload) => late.push(payload));
    write(post, clusterAt('9'));
    stop();
    expect(late).toHaveLength(1);
    await vi.waitFor(async () => {
      const get = aRequest({ config, facts: { request } });
      await get.session.loadPin();
      expect(get.decide('main').reason).toBe('pin');
    });
  });

  test('is stored once for what was written once', async () => {
    const store = new MemoryPinStore({ now: () => noon });
    const advance = vi.spyOn(store, 'advance');
    const post = aRequest({ config: configOn(store), facts: { method: 'POST', request } });
    write(post, clusterAt('9'));
    await readyToSeal(post);
    expect(readyToSeal(post)).toBeUndefined();
    expect(advance).toHaveBeenCalledTimes(1);
    expect(advance).toHaveBeenCalledWith('ann', expect.any(Function), 300_000);
  });

  test('covers what is written while the response waits for the store', async () => {
    const slow = new MemoryPinStore();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { advance } = slow;
    const store = Object.assign(slow, {
      advance: async (...given: Parameters<typeof advance>) => {
        await held;
        await advance.apply(slow, given);
      },
    });
    const config = configWith({ pin: { forMs: 0 }, pinStore: { store, identify: () => 'ann' } });
    const scope = aRequest({ config, facts: { method: 'POST', request: {} } });
    const cluster = clusterAt('5');
    write(scope, cluster);
    const ready = readyToSeal(scope);
    await vi.waitFor(() => expect(scope.session.moves.get('main')).toEqual({ position: '5' }));
    await new Promise((resolve) => setImmediate(resolve));
    write(scope, Object.assign(cluster, { currentPosition: async () => '9' }));
    release();
    await ready;
    sealResponse(scope);
    const next = (): Scope => aRequest({ config, facts: { request: {} } });
    await vi.waitFor(async () => {
      const later = next();
      await later.session.loadPin();
      expect(later.decide('main')).toMatchObject({ reason: 'caught-up', position: '9' });
    });
  });

  test('that may be anywhere is handed on as such', async () => {
    const store = { get: () => Promise.reject(new Error('down')), advance: async () => undefined };
    const config = configWith({ pinStore: { store, identify: () => 'ann' } });
    const scope = aRequest({ config, facts: { request: {} } });
    const token = await runInScope(scope, exportPin);
    runWithPin(token, { config: configWith() }, () =>
      expect(currentScope()?.decide('main')).toMatchObject({ role: 'primary', reason: 'pin' }),
    );
  });

  test.each([7, {}, Promise.resolve('ann')])('is refused where its client is called %j', async (client) => {
    const identify = (): string => client as unknown as string;
    const config = configWith({ pinStore: { store: new MemoryPinStore(), identify } });
    const loading = aRequest({ config, facts: { request: {} } }).session.loadPin();
    await expect(loading).rejects.toMatchObject({ code: 'ERR_OPTION' });
  });

  test('tells the statement when the application cannot say who asks', async () => {
    const config = configWith({
      pinStore: {
        store: new MemoryPinStore(),
        identify: () => {
          throw new Error('no session');
        },
      },
    });
    const { session } = aRequest({ config, facts: { request } });
    await expect(session.loadPin()).rejects.toThrow('no session');
  });
});
