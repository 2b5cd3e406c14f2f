import { describe, expect, test } from 'vitest';
import { type MonitorSettings, NodeMonitor } from '../../src/cluster/monitor.js';
import type { NodeDescription, NodeState, Observation } from '../../src/cluster/node-description.js';
import { FakeNode, observed, ProbeError } from './fake-node.js';
import { settled, VirtualClock } from './virtual-clock.js';

const settings: MonitorSettings = {
  probeIntervalMs: 1_000,
  probeTimeoutMs: 500,
  failureThreshold: 3,
  downtimeMs: 60_000,
};

interface Watched {
  readonly clock: VirtualClock;
  readonly node: FakeNode;
  readonly monitor: NodeMonitor;
  /** Every description that was announced. */
  readonly history: readonly NodeDescription[];
  /** The states, without repetitions. */
  readonly states: () => readonly NodeState[];
}

function watch(
  node: FakeNode = new FakeNode(),
  judgeLag: (observation: Observation) => { lagMs: number | undefined; lagging: boolean } = () => ({
    lagMs: 0,
    lagging: false,
  }),
): Watched {
  const clock = new VirtualClock();
  const history: NodeDescription[] = [];
  const monitor = new NodeMonitor('a', node, settings, clock, {
    judgeLag,
    onDescription: (next) => history.push(next),
  });
  const states = (): readonly NodeState[] =>
    ['connecting' as const, ...history.map(({ state }) => state)].filter(
      (state, i, all) => state !== all[i - 1],
    );
  return { clock, node, monitor, history, states };
}

/** Watches a node that is up. */
async function watchUp(...given: Parameters<typeof watch>): Promise<Watched> {
  const watched = watch(...given);
  await watched.monitor.check();
  return watched;
}

describe('a monitor', () => {
  test('does nothing before it is asked', async () => {
    const { clock, node, monitor } = watch();
    await clock.pass(10_000);
    expect([node.probes, monitor.description.state]).toEqual([0, 'connecting']);
  });

  test('shows what a probe has seen, and when', async () => {
    const { clock, monitor } = await watchUp(new FakeNode(observed({ role: 'primary', position: '5' })));
    expect(monitor.description).toMatchObject({
      state: 'up',
      role: 'primary',
      position: '5',
      observedAt: clock.now(),
      failures: 0,
      error: undefined,
    });
  });

  test('measures how long a probe takes', async () => {
    const { clock, node, monitor } = await watchUp();
    node.observe = async () => {
      await new Promise<void>((resolve) => void clock.after(40, resolve));
      return observed();
    };
    const checked = monitor.check();
    await clock.pass(40);
    await checked;
    expect(monitor.description.roundTripMs).toBe(40);
  });

  test('probes at every interval', async () => {
    const { clock, node } = await watchUp();
    await clock.pass(10_000);
    expect(node.probes).toBe(11);
  });

  test.each([
    [0, 900],
    [0.5, 1_000],
    [0.999_999, 1_100],
  ])('spreads its probes by a tenth: chance %f makes a pause of %i ms', async (chance, pause) => {
    const { clock, monitor } = watch();
    clock.chance = chance;
    await monitor.check();
    expect(clock.pause).toBeCloseTo(pause, 2);
  });

  test('never asks twice at the same time', async () => {
    const { clock, node, monitor } = await watchUp();
    for (let time = 0; time < 50; time += 1) {
      void monitor.check();
      void monitor.suspect();
      await clock.pass(137);
    }
    expect(node.mostAtOnce).toBe(1);
  });

  test('probes once more for all who ask while a probe is under way', async () => {
    const { node, monitor } = watch();
    await Promise.all([monitor.check(), monitor.check(), monitor.check(), monitor.suspect()]);
    expect(node.probes).toBe(2);
  });

  test('has one timer, however often it was asked', async () => {
    const { clock, node, monitor } = await watchUp();
    for (let time = 0; time < 5; time += 1) await monitor.check();
    expect(clock.timers).toBe(1);
    const { probes } = node;
    await clock.pass(1_000);
    expect(node.probes).toBe(probes + 1);
  });

  test('calls a node lagging, and up again, as it is judged', async () => {
    let lagMs = 0;
    const { clock, monitor, states } = await watchUp(undefined, () => ({ lagMs, lagging: lagMs > 10 }));
    lagMs = 11;
    await clock.pass(1_000);
    expect(monitor.description).toMatchObject({ state: 'lagging', lagMs: 11 });
    lagMs = 3;
    await clock.pass(1_000);
    expect(states()).toEqual(['connecting', 'up', 'lagging', 'up']);
  });
});

describe('a node that does not answer', () => {
  test('keeps its state until as many probes have failed as the threshold says', async () => {
    const { clock, node, monitor } = await watchUp();
    node.shows = new Error('lost');
    await clock.pass(2_000);
    expect(monitor.description).toMatchObject({ state: 'up', failures: 2, error: { message: 'lost' } });
    await clock.pass(1_000);
    expect(monitor.description).toMatchObject({ state: 'down', failures: 3 });
  });

  test('is forgiven when it answers before that, and counted anew', async () => {
    const { clock, node, monitor, states } = await watchUp();
    for (let time = 0; time < 5; time += 1) {
      node.shows = new Error('lost');
      await clock.pass(2_000);
      node.shows = observed();
      await clock.pass(1_000);
    }
    expect(monitor.description).toMatchObject({ failures: 0, error: undefined });
    expect(states()).toEqual(['connecting', 'up']);
  });

  test('is down at once when it refuses', async () => {
    const { clock, node, monitor } = await watchUp();
    node.shows = new ProbeError('unreachable');
    await clock.pass(1_000);
    expect(monitor.description).toMatchObject({ state: 'down', failures: 1 });
  });

  test('is down at once when a statement has failed on it and a probe does too', async () => {
    const { node, monitor } = await watchUp();
    node.shows = new Error('lost');
    await monitor.suspect();
    expect(monitor.description).toMatchObject({ state: 'down', failures: 1 });
  });

  test('is not down when a statement has failed on it and a probe succeeds', async () => {
    const { clock, node, monitor, states } = await watchUp();
    await monitor.suspect();
    node.shows = new Error('lost');
    await clock.pass(1_000);
    expect(monitor.description).toMatchObject({ state: 'up', failures: 1 });
    expect(states()).toEqual(['connecting', 'up']);
  });

  test('is suspected by the probe that begins after the statement has failed, not by one under way', async () => {
    const { clock, node, monitor } = await watchUp();
    node.shows = 'silence';
    const underWay = monitor.check();
    const suspecting = monitor.suspect();
    await clock.pass(500);
    await underWay;
    expect(monitor.description).toMatchObject({ state: 'up', failures: 1 });
    await clock.pass(500);
    await suspecting;
    expect(monitor.description.state).toBe('down');
  });

  test('is given up after the time-out, which counts as a failure', async () => {
    const { clock, node, monitor } = await watchUp();
    node.shows = 'silence';
    const checked = monitor.check();
    await clock.pass(499);
    expect([node.givenUp, monitor.description.failures]).toEqual([0, 0]);
    await clock.pass(1);
    await checked;
    expect(node.givenUp).toBe(1);
    expect(monitor.description.error?.message).toBe('No answer to a probe within 500 ms.');
  });

  test('that answers slowly is not dead', async () => {
    const { clock, node, states } = await watchUp();
    node.observe = async () => {
      await new Promise<void>((resolve) => void clock.after(499, resolve));
      return observed();
    };
    await clock.pass(20_000);
    expect(states()).toEqual(['connecting', 'up']);
  });

  test('that was never seen is down after the threshold too', async () => {
    const { clock, monitor, states } = watch(new FakeNode(new Error('lost')));
    await monitor.check();
    await clock.pass(2_000);
    expect(monitor.description.role).toBe('unknown');
    expect(states()).toEqual(['connecting', 'down']);
  });
});

describe('a node that is down', () => {
  async function watchDown(): Promise<Watched> {
    const watched = await watchUp();
    watched.node.shows = new ProbeError('unreachable');
    await watched.monitor.check();
    return watched;
  }

  test('is tried at growing intervals, which end at downtimeMs', async () => {
    const { clock } = await watchDown();
    const pauses: (number | undefined)[] = [];
    for (let time = 0; time < 9; time += 1) {
      pauses.push(clock.pause);
      await clock.pass(clock.pause ?? 0);
    }
    expect(pauses).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]);
  });

  test.each([0, 0.999_999])('is tried at intervals that are spread by a tenth: chance %f', async (chance) => {
    const { clock } = await watchDown();
    await clock.pass(300_000);
    clock.chance = chance;
    await clock.pass(clock.pause ?? 0);
    expect(clock.pause).toBeCloseTo(60_000 * (0.9 + 0.2 * chance), 0);
  });

  test('is down again after one failed try, whatever the failure', async () => {
    const { clock, node, states } = await watchDown();
    node.shows = new Error('lost');
    await clock.pass(clock.pause ?? 0);
    expect(states()).toEqual(['connecting', 'up', 'down', 'connecting', 'down']);
  });

  test('is up again after one try that succeeds, and then probed as usual', async () => {
    const { clock, node, states } = await watchDown();
    await clock.pass(50_000);
    node.shows = observed();
    await clock.pass(clock.pause ?? 0);
    expect(states().slice(-3)).toEqual(['down', 'connecting', 'up']);
    expect(clock.pause).toBe(1_000);
  });

  test('is tried at once when somebody asks', async () => {
    const { clock, node, monitor } = await watchDown();
    await clock.pass(500);
    node.shows = observed();
    await monitor.check();
    expect(monitor.description.state).toBe('up');
  });

  test('is not tried again and again, however many ask: soon for all of them', async () => {
    const { clock, node, monitor } = await watchDown();
    const { probes } = node;
    for (let time = 0; time < 15; time += 1) {
      await Promise.all([monitor.check(), monitor.suspect(), monitor.suspect(true)]);
      await clock.pass(100);
    }
    expect(node.probes).toBe(probes + 3);
  });

  test('after it was asked for too early is tried soon', async () => {
    const { clock, node, monitor } = await watchDown();
    await clock.pass(100);
    await monitor.check();
    expect(clock.pause).toBe(400);
    node.shows = observed();
    await clock.pass(400);
    expect(monitor.description.state).toBe('up');
  });
});

describe('a node that rejects us', () => {
  async function watchRejected(): Promise<Watched> {
    const watched = await watchUp();
    watched.node.shows = new ProbeError('rejected');
    await watched.monitor.check();
    return watched;
  }

  test('is down at once, and tried at the longest pauses from the start', async () => {
    const { clock, monitor } = await watchRejected();
    expect(monitor.description).toMatchObject({ state: 'down', failures: 1, failure: 'rejected' });
    expect(clock.pause).toBe(60_000);
    await clock.pass(60_000);
    expect(clock.pause).toBe(60_000);
  });

  test('is not tried before that, whoever asks', async () => {
    const { clock, node, monitor } = await watchRejected();
    const { probes } = node;
    for (let time = 0; time < 59; time += 1) {
      await Promise.all([monitor.check(), monitor.suspect(), monitor.suspect(true)]);
      await clock.pass(1_000);
    }
    expect(node.probes).toBe(probes);
    await clock.pass(1_000);
    expect(node.probes).toBe(probes + 1);
  });

  test('is up again when it lets us in, and nothing is left of it', async () => {
    const { clock, node, monitor } = await watchRejected();
    node.shows = observed();
    await clock.pass(60_000);
    expect(monitor.description).toMatchObject({ state: 'up', failure: undefined, error: undefined });
  });
});

describe('a node that is starting up or shutting down', () => {
  test('is down at once, and tried at every interval', async () => {
    const { clock, node, monitor } = await watchUp();
    node.shows = new ProbeError('not-ready');
    await monitor.check();
    expect(monitor.description.state).toBe('down');
    for (let time = 0; time < 5; time += 1) {
      expect(clock.pause).toBe(1_000);
      await clock.pass(1_000);
    }
  });
});

describe('a node that is full', () => {
  test('stays up, however often a probe fails', async () => {
    const { clock, node, monitor, states } = await watchUp();
    node.shows = new ProbeError('full');
    await monitor.suspect();
    await clock.pass(60_000);
    expect(monitor.description).toMatchObject({ failure: 'full', failures: 61 });
    expect(states()).toEqual(['connecting', 'up']);
  });

  test('lags more and more as long as it cannot be seen', async () => {
    let lagMs = 0;
    const { clock, node, monitor, states } = await watchUp(undefined, () => ({ lagMs, lagging: lagMs > 10 }));
    node.shows = new ProbeError('full');
    lagMs = 11;
    await clock.pass(1_000);
    expect(monitor.description).toMatchObject({ state: 'lagging', lagMs: 11 });
    expect(states()).toEqual(['connecting', 'up', 'lagging']);
  });

  test('and was never seen is down after the threshold', async () => {
    const { clock, monitor, states } = watch(new FakeNode(new ProbeError('full')));
    await monitor.check();
    await clock.pass(2_000);
    expect(monitor.description.failure).toBe('full');
    expect(states()).toEqual(['connecting', 'down']);
  });
});

describe('a node whose statements get no answer', () => {
  test('is probed at once, and is not suspected by that', async () => {
    const { clock, node, monitor } = await watchUp();
    node.shows = 'silence';
    monitor.doubt();
    await clock.pass(500);
    expect(monitor.description).toMatchObject({ state: 'up', failures: 1 });
  });

  test('is probed no more often because of it once a probe has failed, or while one is under way', async () => {
    const { clock, node, monitor } = await watchUp();
    node.shows = 'silence';
    const { probes } = node;
    for (let time = 0; time < 12; time += 1) {
      monitor.doubt();
      await clock.pass(100);
    }
    expect(node.probes).toBe(probes + 1);
  });
});

describe('new connections to a node that fail', () => {
  test('have it looked at over a new connection, once', async () => {
    const { node, monitor } = await watchUp();
    await monitor.suspect(true);
    await monitor.suspect();
    expect(node.renewals).toBe(1);
  });
});

describe('a monitor that is closed', () => {
  test('closes its prober, and probes no more', async () => {
    const { clock, node, monitor } = await watchUp();
    monitor.close();
    const { probes } = node;
    await monitor.check();
    await monitor.suspect();
    await clock.pass(100_000);
    expect([node.closed, node.probes, clock.timers]).toEqual([true, probes, 0]);
  });

  test.each([['an answer', observed()] as const, ['an error', new Error('lost')] as const])(
    'announces nothing of %s that comes afterwards',
    async (_, late) => {
      const { clock, node, monitor, history } = await watchUp();
      let answer = (): void => undefined;
      node.observe = () =>
        new Promise((resolve, reject) => {
          answer = () => (late instanceof Error ? reject(late) : resolve(late));
        });
      const checked = monitor.check();
      const before = history.length;
      monitor.close();
      answer();
      await checked;
      await settled();
      expect([history.length, clock.timers]).toEqual([before, 0]);
    },
  );

  test('does not begin the probe that was to follow the one under way', async () => {
    const { node, monitor } = watch();
    const asked = [monitor.check(), monitor.check()];
    monitor.close();
    await Promise.all(asked);
    expect(node.probes).toBe(1);
  });
});
