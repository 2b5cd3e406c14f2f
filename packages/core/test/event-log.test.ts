import { describe, expect, test } from 'vitest';
import { ClusterEvents } from '../src/cluster-events.js';
import { EventLog, type Logger } from '../src/event-log.js';
import { VirtualClock } from './cluster/virtual-clock.js';
import { uncaughtDuring } from './uncaught.js';

interface Written {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

interface Stage {
  readonly events: ClusterEvents;
  readonly clock: VirtualClock;
  readonly log: EventLog;
  readonly lines: Written[];
}

function stage(makeLogger = collecting): Stage {
  const events = new ClusterEvents();
  const clock = new VirtualClock();
  const lines: Written[] = [];
  return { events, clock, lines, log: new EventLog(makeLogger(lines), 'main', events, clock) };
}

function collecting(lines: Written[]): Logger {
  const at =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields, message });
  return { info: at('info'), warn: at('warn'), error: at('error') };
}

function release({ events }: Stage, node = 'a'): void {
  events.publish('dirty-release', { cluster: 'main', node });
}

function becomes({ events }: Stage, to: string, node = 'a', error?: string): void {
  events.publish('node-changed', { cluster: 'main', node, from: '', to, role: 'replica', error });
}

const messages = ({ lines }: Stage): readonly string[] => lines.map(({ message }) => message);

describe('a log of events', () => {
  test('writes a line at its level, with the event and what it is about beside it', () => {
    const on = stage();
    release(on);
    expect(on.lines).toEqual([
      {
        level: 'warn',
        fields: { event: 'dirty-release', cluster: 'main', node: 'a' },
        message: 'a client was released inside a transaction, so its connection to a was closed',
      },
    ]);
  });

  test('writes three lines of a kind at once, and holds back the rest', () => {
    const on = stage();
    for (let n = 0; n < 100; n += 1) release(on);
    expect(on.lines).toHaveLength(3);
  });

  test('writes the last one held back when its ten seconds are over, with how many were left out', async () => {
    const on = stage();
    for (let n = 0; n < 100; n += 1) release(on);
    await on.clock.pass(9_999);
    expect(on.lines).toHaveLength(3);
    await on.clock.pass(1);
    expect(on.lines).toHaveLength(4);
    expect(on.lines[3]).toMatchObject({
      fields: { leftOut: 96 },
      message: expect.stringMatching(/ \(96 more were left out\)$/),
    });
  });

  test('says nothing of lines left out when one alone was held back', async () => {
    const on = stage();
    for (let n = 0; n < 4; n += 1) release(on);
    await on.clock.pass(10_000);
    expect(on.lines[3]?.fields).not.toHaveProperty('leftOut');
    expect(on.lines[3]?.message).toBe(on.lines[0]?.message);
  });

  test('limits each node by itself', () => {
    const on = stage();
    for (let n = 0; n < 10; n += 1) release(on, 'a');
    release(on, 'b');
    expect(messages(on).filter((text) => text.includes('to b was'))).toHaveLength(1);
  });

  test('limits each kind by itself', () => {
    const on = stage();
    for (let n = 0; n < 10; n += 1) release(on);
    on.events.publish('split-brain', { cluster: 'main', nodes: ['a', 'b'] });
    expect(on.lines.at(-1)).toMatchObject({ level: 'error', fields: { nodes: ['a', 'b'] } });
  });

  test('counts what was written at the end of a time to the next one', async () => {
    const on = stage();
    for (let n = 0; n < 5; n += 1) release(on);
    await on.clock.pass(10_000);
    for (let n = 0; n < 5; n += 1) release(on);
    expect(on.lines).toHaveLength(3 + 1 + 2);
  });

  test('forgets a kind that has been quiet, and sets no timer then', async () => {
    const on = stage();
    release(on);
    expect(on.clock.timers).toBe(1);
    await on.clock.pass(10_000);
    expect(on.clock.timers).toBe(0);
    for (let n = 0; n < 3; n += 1) release(on);
    expect(on.lines).toHaveLength(4);
  });

  test('tells a state once, until there is another', () => {
    const on = stage();
    becomes(on, 'down', 'a', 'refused');
    becomes(on, 'connecting');
    becomes(on, 'down', 'a', 'refused');
    becomes(on, 'down', 'b', 'refused');
    becomes(on, 'up');
    becomes(on, 'down', 'a', 'refused');
    expect(messages(on)).toEqual([
      'a is down: refused',
      'b is down: refused',
      'a is up, as replica',
      'a is down: refused',
    ]);
  });

  test('ends with the last state of a node that goes up and down all the time', async () => {
    const on = stage();
    for (let n = 0; n < 50; n += 1) becomes(on, n % 2 === 0 ? 'down' : 'up');
    await on.clock.pass(10_000);
    expect(messages(on).at(-1)).toBe('a is up, as replica (46 more were left out)');
  });

  test('writes what it held back when it is closed, hears no more, and leaves no timer', () => {
    const on = stage();
    for (let n = 0; n < 5; n += 1) release(on);
    on.log.close();
    expect(on.lines).toHaveLength(4);
    expect(on.clock.timers).toBe(0);
    release(on);
    expect(on.lines).toHaveLength(4);
  });

  test('survives a logger that throws', async () => {
    let calls = 0;
    const fail = (): never => {
      calls += 1;
      throw new Error('the disk is full');
    };
    const on = stage(() => ({ info: fail, warn: fail, error: fail }));
    const uncaught = await uncaughtDuring(() => {
      for (let n = 0; n < 5; n += 1) release(on);
    });
    await on.clock.pass(10_000);
    on.log.close();
    expect([calls, uncaught]).toEqual([4, []]);
  });

  test('survives a logger that fails later', async () => {
    const failures: Promise<never>[] = [];
    const fail = (): void => {
      const failure = Promise.reject(new Error('the disk is full'));
      failures.push(failure);
      return failure as never;
    };
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const on = stage(() => ({ info: fail, warn: fail, error: fail }));
    release(on);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect([failures.length, unhandled]).toEqual([1, []]);
  });

  test('ends by itself when the logger is the cause of the events that it writes', () => {
    const on: Stage = stage(() => ({ info: again, warn: again, error: again }));
    let calls = 0;
    function again(): void {
      calls += 1;
      release(on);
    }
    release(on);
    expect(calls).toBe(3);
    on.log.close();
  });
});
