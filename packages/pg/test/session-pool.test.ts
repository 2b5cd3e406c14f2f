import { EventEmitter } from 'node:events';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Proof } from '../src/open-client.js';
import { PoolEvents } from '../src/pool-events.js';
import { SessionPool } from '../src/session-pool.js';
import { VirtualTime } from './simulation/virtual-time.js';

/** A client without a server: it is open when the test says so, and closed when it is told to end. */
class FakeClient extends pg.Client {
  static readonly made: FakeClient[] = [];
  ends = 0;
  #staysOpen = false;
  #onOpen: (() => void) | undefined;

  constructor(config?: pg.ClientConfig) {
    super(config);
    FakeClient.made.push(this);
  }

  open(): void {
    this.#onOpen?.();
  }

  /** It does not close, although it is told to end. */
  keepOpen(): void {
    this.#staysOpen = true;
  }

  override connect(): Promise<never>;
  override connect(done: (error: Error) => void): void;
  override connect(done?: (error: Error) => void): Promise<never> | void {
    this.#onOpen = () => Reflect.apply(done ?? expect.unreachable, undefined, []);
  }

  override end(done?: (error: Error) => void): Promise<void> {
    this.ends += 1;
    Object.assign(this, { _ending: true });
    if (done !== undefined && !this.#staysOpen) queueMicrotask(() => Reflect.apply(done, undefined, []));
    return Promise.resolve();
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

interface Stage {
  readonly pool: SessionPool;
  /** Lets so many ms pass. */
  pass(ms: number): Promise<void>;
  /** What the pool has emitted. */
  readonly told: string[];
  /** What became of those who asked for a connection, in order: a client's number, or an error's words. */
  readonly outcomes: (number | string)[];
  /** Asks for a connection. */
  ask(): Promise<(error?: Error) => void>;
  /** Opens the client with this number. */
  open(index: number): Promise<void>;
}

function stage(config: pg.PoolConfig = {}, prove: Proof = async () => undefined): Stage {
  FakeClient.made.length = 0;
  const target = new EventEmitter();
  const told: string[] = [];
  for (const event of ['connect', 'acquire', 'release', 'remove', 'error']) {
    target.on(event, () => told.push(event));
  }
  const time = new VirtualTime(() => 0.5);
  const pass: Stage['pass'] = async (ms) => {
    await vi.advanceTimersByTimeAsync(ms);
    await time.passUntil(time.now() + ms);
  };
  const doorkeeper = { refusal: () => undefined, onTried: () => undefined };
  const pool = new SessionPool({
    config: { ...config, Client: FakeClient },
    prove,
    doorkeeper,
    events: new PoolEvents(target),
    clock: time,
  });
  const outcomes: (number | string)[] = [];
  const ask: Stage['ask'] = () =>
    new Promise((resolve) => {
      pool.take({
        onTaken(client, release) {
          outcomes.push(FakeClient.made.findIndex((made) => Object.is(made, client)));
          resolve(release);
        },
        onRefused: (error) => outcomes.push((error as Error).message),
      });
    });
  const open: Stage['open'] = async (index) => {
    await pass(0);
    FakeClient.made[index]?.open();
    await pass(0);
  };
  return { pool, pass, told, outcomes, ask, open };
}

/** The counts of a pool: all connections, idle ones, and who waits for one. */
function counts({ totalCount, idleCount, waitingCount }: SessionPool): readonly number[] {
  return [totalCount, idleCount, waitingCount];
}

describe('a pool of connections', () => {
  test('hands over an idle one at once', async () => {
    const { ask, open, outcomes, pool } = stage();
    void ask().then((release) => release());
    await open(0);
    expect(counts(pool)).toEqual([1, 1, 0]);
    void ask();
    expect(outcomes).toEqual([0, 0]);
  });

  test('removes each that was idle for long enough, and none that was used meanwhile', async () => {
    const { ask, open, pool, pass, told } = stage({ idleTimeoutMillis: 100 });
    const [first, second] = [ask(), ask()];
    await open(0);
    await open(1);
    (await first)();
    await pass(60);
    (await second)();
    await pass(39);
    expect(counts(pool)).toEqual([2, 2, 0]);
    await pass(1);
    expect(counts(pool)).toEqual([1, 1, 0]);
    const release = await ask();
    await pass(400);
    expect(counts(pool)).toEqual([1, 0, 0]);
    release();
    await pass(99);
    expect(counts(pool)).toEqual([1, 1, 0]);
    await pass(1);
    expect(counts(pool)).toEqual([0, 0, 0]);
    expect(told.filter((event) => event === 'remove')).toHaveLength(2);
  });

  test('keeps as many as min, and removes what is more, however long it has been idle', async () => {
    const { ask, open, pool, pass } = stage({ idleTimeoutMillis: 100, min: 1 });
    const first = ask();
    await open(0);
    (await first)();
    await pass(1000);
    expect(counts(pool)).toEqual([1, 1, 0]);
    const [again, second] = [ask(), ask()];
    await open(1);
    (await again)();
    (await second)();
    await pass(99);
    expect(counts(pool)).toEqual([2, 2, 0]);
    await pass(1);
    expect(counts(pool)).toEqual([1, 1, 0]);
  });

  test('serves in order, each for its own patience', async () => {
    const { ask, open, outcomes, pool, pass } = stage({ max: 1, connectionTimeoutMillis: 100 });
    const first = ask();
    await open(0);
    void ask();
    await pass(60);
    const third = ask();
    await pass(40);
    const late = 'timeout exceeded when trying to connect';
    expect(outcomes).toEqual([0, late]);
    expect(counts(pool)).toEqual([1, 0, 1]);
    (await first)();
    expect(outcomes).toEqual([0, late, 0]);
    (await third)();
    await pass(900);
    expect(outcomes).toEqual([0, late, 0]);
  });

  test('opens one for whoever has waited, and does not keep him waiting for longer than his patience', async () => {
    const { ask, open, outcomes, pool, pass } = stage({ max: 1, connectionTimeoutMillis: 100 });
    const first = ask();
    await open(0);
    void ask();
    await pass(60);
    (await first)(new Error('broken'));
    await pass(39);
    expect(outcomes).toEqual([0]);
    await pass(1);
    expect(outcomes).toEqual([0, 'timeout exceeded when trying to connect']);
    await open(1);
    expect(counts(pool)).toEqual([1, 1, 0]);
  });

  test('hands over none that its last user has ended after it came back', async () => {
    const { ask, open, outcomes, pool } = stage({ max: 1 });
    const first = ask();
    await open(0);
    (await first)();
    void FakeClient.made[0]?.end();
    void ask();
    await open(1);
    expect(outcomes).toEqual([0, 1]);
    expect(counts(pool)).toEqual([1, 0, 0]);
  });

  test('hears an error of an idle one although its user has taken away all listeners', async () => {
    const { ask, open, pool, told } = stage();
    const first = ask();
    await open(0);
    FakeClient.made[0]?.removeAllListeners('error');
    (await first)();
    FakeClient.made[0]?.emit('error', new Error('lost'));
    expect(counts(pool)).toEqual([0, 0, 0]);
    expect(told).toContain('error');
  });

  test('a release that comes twice is an error, and changes nothing', async () => {
    const { ask, open, pool } = stage();
    const first = ask();
    await open(0);
    const release = await first;
    release();
    expect(() => release()).toThrow('already been released');
    expect(counts(pool)).toEqual([1, 1, 0]);
  });

  test('opens another one for who waits when one is removed', async () => {
    const { ask, open, outcomes } = stage({ max: 1 });
    const first = ask();
    await open(0);
    void ask();
    (await first)(new Error('broken'));
    await open(1);
    expect(outcomes).toEqual([0, 1]);
  });

  test('one that is expired while it is used is counted, and removed when it comes back', async () => {
    const { ask, open, pool, pass } = stage({ maxLifetimeSeconds: 1, idleTimeoutMillis: 0 });
    const [first, second] = [ask(), ask()];
    await open(0);
    await open(1);
    (await second)();
    await pass(1000);
    expect([...counts(pool), pool.expiredCount]).toEqual([1, 0, 0, 1]);
    (await first)();
    expect([...counts(pool), pool.expiredCount]).toEqual([0, 0, 0, 0]);
  });
});

describe('those who wait for a connection', () => {
  test('are not overtaken while the connection that makes room for them is being closed', async () => {
    const { ask, open, outcomes } = stage({ max: 1 });
    const first = ask();
    await open(0);
    const asked = ask().then((release) => release());
    FakeClient.made[0]?.keepOpen();
    (await first)(new Error('broken'));
    void ask();
    expect(FakeClient.made).toHaveLength(2);
    await open(1);
    await asked;
    expect(outcomes).toEqual([0, 1, 1]);
  });

  test('get one when there may be more', async () => {
    const { ask, open, outcomes, pool } = stage({ max: 1 });
    void ask();
    await open(0);
    void ask();
    pool.max = 2;
    await open(1);
    expect(outcomes).toEqual([0, 1]);
  });

  test('may be any number that give it back at once', async () => {
    const { ask, open, pool } = stage({ max: 1 });
    const first = ask();
    await open(0);
    let given = 0;
    const onTaken = (_client: pg.PoolClient, release: () => void): void => {
      given += 1;
      release();
    };
    for (let i = 0; i < 50_000; i += 1) pool.take({ onTaken, onRefused: expect.unreachable });
    (await first)();
    expect(given).toBe(50_000);
    expect(counts(pool)).toEqual([1, 1, 0]);
  });
});

describe('a time without an end', () => {
  test.each([Number.POSITIVE_INFINITY, 2 ** 31])('is one of %d ms', async (ms) => {
    const { ask, open, pass, pool } = stage({
      max: 1,
      idleTimeoutMillis: ms,
      maxLifetimeSeconds: ms,
    });
    const first = ask();
    await open(0);
    (await first)();
    await pass(1_000);
    expect(vi.getTimerCount()).toBe(0);
    expect(counts(pool)).toEqual([1, 1, 0]);
  });
});

describe('connecting, and looking at what was connected, take no longer than connectionTimeoutMillis together', () => {
  test.each([
    ['the look takes all of it', 0, 100],
    ['the look takes what is left', 70, 30],
  ])('what is over at that moment is late, since it is cut: %s', async (_, connectMs, lookMs) => {
    const prove: Proof = () =>
      new Promise((resolve) => {
        setTimeout(resolve, lookMs);
      });
    const { ask, open, outcomes, pass } = stage({ connectionTimeoutMillis: 100 }, prove);
    void ask();
    await pass(connectMs);
    await open(0);
    await pass(lookMs - 1);
    expect(outcomes).toEqual([]);
    await pass(1);
    expect(outcomes).toEqual(['Connection terminated due to connection timeout']);
  });
});

describe('a pool that is given up', () => {
  test('refuses who waits for one, and who waits for one to open, whose connection is closed then', async () => {
    const { ask, open, outcomes, pool } = stage({ max: 1 });
    void ask();
    void ask();
    let isOver = false;
    void pool.retire(new Error('given up')).then(() => {
      isOver = true;
    });
    expect(outcomes).toEqual(['given up', 'given up']);
    await Promise.resolve();
    expect(isOver).toBe(false);
    await open(0);
    expect(isOver).toBe(true);
    expect(FakeClient.made[0]?.ends).toBe(1);
    void ask();
    expect(outcomes.at(-1)).toBe('given up');
  });

  test('ends when the last one comes back, which is closed', async () => {
    const { ask, open, pool } = stage();
    const [first, second] = [ask(), ask()];
    await open(0);
    await open(1);
    (await first)();
    const ended = pool.retire(new Error('over'));
    expect(counts(pool)).toEqual([1, 0, 0]);
    (await second)();
    await ended;
    expect(FakeClient.made.map(({ ends }) => ends)).toEqual([1, 1]);
    expect(await Promise.race([pool.retire(new Error('over')), 'not yet'])).toBeUndefined();
  });

  test('one that is severed goes on: a connection that was wanted then is there for the next one', async () => {
    const { ask, open, outcomes, pool } = stage({ max: 1 });
    void ask();
    pool.sever(new Error('no answer'));
    await open(0);
    expect(counts(pool)).toEqual([1, 1, 0]);
    void ask();
    expect(outcomes).toEqual(['no answer', 0]);
  });
});

describe('a connection that fails its proof', () => {
  test('is closed before its user is told, and its place is free for who waits', async () => {
    let proofs = 0;
    const { ask, open, outcomes, pool, told } = stage({ max: 1 }, async () => {
      proofs += 1;
      if (proofs === 1) throw new Error('no primary');
    });
    void ask();
    void ask();
    await open(0);
    expect(FakeClient.made[0]?.ends).toBe(1);
    expect(outcomes).toEqual(['no primary']);
    await open(1);
    expect(outcomes).toEqual(['no primary', 1]);
    expect(counts(pool)).toEqual([1, 0, 0]);
    expect(told).toEqual(['connect', 'acquire']);
  });
});
