import { describe, expect, test } from 'vitest';
import { Discovery } from '../../src/cluster/discovery.js';
import { settled, VirtualClock } from './virtual-clock.js';

/** What the next look does: it finds something, fails, or never ends. */
type Next = string | Error | 'silence';

class Looked {
  readonly clock = new VirtualClock();
  readonly found: string[] = [];
  readonly failed: string[] = [];
  readonly signals: AbortSignal[] = [];
  next: Next = 'nodes';
  urgent = false;
  underWay = 0;
  mostAtOnce = 0;
  readonly discovery = new Discovery<string>({
    discoverIntervalMs: 10_000,
    discoverTimeoutMs: 3_000,
    clock: this.clock,
    find: (signal) => this.#find(signal),
    onFound: (found) => this.found.push(found),
    onFailed: (error) => this.failed.push(error.message),
    isUrgent: () => this.urgent,
  });

  get looks(): number {
    return this.signals.length;
  }

  async #find(signal: AbortSignal): Promise<string> {
    this.signals.push(signal);
    this.underWay += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.underWay);
    const { next } = this;
    try {
      if (next === 'silence') await new Promise((resolve) => signal.addEventListener('abort', resolve));
      if (next instanceof Error) throw next;
      return next;
    } finally {
      this.underWay -= 1;
    }
  }
}

/** A discovery that has looked for the first time. */
async function looked(next: Next = 'nodes', urgent = false): Promise<Looked> {
  const stage = new Looked();
  stage.next = next;
  stage.urgent = urgent;
  await stage.discovery.start();
  return stage;
}

describe('a discovery', () => {
  test('has handed over what it found when it has started', async () => {
    expect((await looked()).found).toEqual(['nodes']);
  });

  test('has started also when the first look failed', async () => {
    const { found, failed } = await looked(new Error('no route'));
    expect([found, failed]).toEqual([[], ['no route']]);
  });

  test('looks again at every interval', async () => {
    const stage = await looked();
    await stage.clock.pass(9_999);
    expect(stage.looks).toBe(1);
    await stage.clock.pass(1);
    expect(stage.looks).toBe(2);
    await stage.clock.pass(20_000);
    expect(stage.looks).toBe(4);
  });

  test.each([
    [0, 9_000],
    [1, 11_000],
  ])('with the chance %d waits %d ms', async (chance, ms) => {
    const stage = new Looked();
    stage.clock.chance = chance;
    await stage.discovery.start();
    expect(stage.clock.pause).toBe(ms);
  });

  test('keeps its pace when looks fail', async () => {
    const stage = await looked(new Error('no route'));
    await stage.clock.pass(30_000);
    expect([stage.looks, stage.failed.length]).toEqual([4, 4]);
  });

  test('counts what cannot be taken over as a failure', async () => {
    const failed: string[] = [];
    const discovery = new Discovery<string>({
      discoverIntervalMs: 10_000,
      discoverTimeoutMs: 3_000,
      clock: new VirtualClock(),
      find: async () => 'nonsense',
      onFound: (found) => {
        throw new Error(`${found} is no list`);
      },
      onFailed: (error) => failed.push(error.message),
      isUrgent: () => false,
    });
    await discovery.start();
    expect(failed).toEqual(['nonsense is no list']);
  });

  test('counts a function that throws at once as a failure', async () => {
    const failed: string[] = [];
    const discovery = new Discovery<string>({
      discoverIntervalMs: 10_000,
      discoverTimeoutMs: 3_000,
      clock: new VirtualClock(),
      find: () => {
        throw new Error('not even a promise');
      },
      onFound: () => undefined,
      onFailed: (error) => failed.push(error.message),
      isUrgent: () => false,
    });
    await discovery.start();
    expect(failed).toEqual(['not even a promise']);
  });
});

describe('a look that takes too long', () => {
  test('is told so, and has failed', async () => {
    const stage = new Looked();
    stage.next = 'silence';
    const starting = stage.discovery.start();
    await stage.clock.pass(3_000);
    await starting;
    expect(stage.signals[0]?.aborted).toBe(true);
    expect([stage.found, stage.failed]).toEqual([[], ['No answer within 3000 ms.']]);
  });

  test('is not waited for when it does not listen', async () => {
    const failed: string[] = [];
    const clock = new VirtualClock();
    const discovery = new Discovery<string>({
      discoverIntervalMs: 10_000,
      discoverTimeoutMs: 3_000,
      clock,
      find: () => new Promise(() => undefined),
      onFound: () => undefined,
      onFailed: (error) => failed.push(error.message),
      isUrgent: () => false,
    });
    const starting = discovery.start();
    await clock.pass(3_000);
    await starting;
    await clock.pass(13_000);
    expect(failed.length).toBe(2);
  });

  test('never runs beside another one', async () => {
    const stage = await looked();
    stage.next = 'silence';
    await stage.clock.pass(10_000);
    for (let times = 0; times < 5; times += 1) {
      stage.discovery.hurry();
      await stage.clock.pass(400);
    }
    expect([stage.underWay, stage.looks]).toEqual([1, 2]);
    await stage.clock.pass(60_000);
    expect(stage.mostAtOnce).toBe(1);
  });
});

describe('after a loss', () => {
  test('it looks at once, if the last look is a second ago', async () => {
    const stage = await looked();
    await stage.clock.pass(4_000);
    stage.discovery.hurry();
    await stage.clock.pass(0);
    expect(stage.looks).toBe(2);
  });

  test('it looks no more than once in a second, whoever asks', async () => {
    const stage = await looked();
    for (let times = 0; times < 30; times += 1) {
      stage.discovery.hurry();
      await stage.clock.pass(100);
    }
    expect(stage.looks).toBe(4);
  });

  test('it goes back to its pace', async () => {
    const stage = await looked();
    await stage.clock.pass(4_000);
    stage.discovery.hurry();
    await stage.clock.pass(9_999);
    expect(stage.looks).toBe(2);
    await stage.clock.pass(1);
    expect(stage.looks).toBe(3);
  });

  test('that happens during a look, it looks again', async () => {
    const stage = await looked();
    stage.next = 'silence';
    await stage.clock.pass(10_000);
    stage.discovery.hurry();
    stage.next = 'others';
    await stage.clock.pass(3_000);
    await settled();
    expect([stage.looks, stage.found]).toEqual([3, ['nodes', 'others']]);
  });
});

describe('while something is missing', () => {
  test('it looks sooner, and each time less soon', async () => {
    const stage = await looked('nodes', true);
    const times: number[] = [];
    const { clock } = stage;
    for (let last = stage.looks; clock.now() < 1_060_000; ) {
      await clock.pass(500);
      if (stage.looks > last) times.push(clock.now() - 1_000_000);
      last = stage.looks;
    }
    expect(times).toEqual([1_000, 3_000, 7_000, 15_000, 25_000, 35_000, 45_000, 55_000]);
  });

  test('another loss makes it look soon again', async () => {
    const stage = await looked('nodes', true);
    await stage.clock.pass(30_000);
    const { looks } = stage;
    stage.discovery.hurry();
    await stage.clock.pass(3_000);
    expect(stage.looks - looks).toBe(3);
  });

  test('it never looks less often than else', async () => {
    const stage = await looked(new Error('no route'), true);
    await stage.clock.pass(600_000);
    const { looks } = stage;
    await stage.clock.pass(100_000);
    expect(stage.looks - looks).toBe(10);
  });
});

describe('a discovery that is closed', () => {
  test('looks no more, and leaves no timer', async () => {
    const stage = await looked();
    stage.discovery.close();
    stage.discovery.hurry();
    await stage.clock.pass(600_000);
    expect([stage.looks, stage.clock.timers]).toEqual([1, 0]);
  });

  test('during its first look has started at once, and hands nothing over', async () => {
    const stage = new Looked();
    stage.next = 'silence';
    const starting = stage.discovery.start();
    await settled();
    stage.discovery.close();
    await starting;
    expect(stage.signals[0]?.aborted).toBe(true);
    expect([stage.found, stage.failed, stage.clock.timers]).toEqual([[], [], 0]);
  });

  test('takes nothing over that comes at that moment', async () => {
    const stage = new Looked();
    const starting = stage.discovery.start();
    stage.discovery.close();
    await starting;
    expect(stage.found).toEqual([]);
  });
});
