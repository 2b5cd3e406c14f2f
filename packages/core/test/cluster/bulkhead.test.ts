import { describe, expect, test } from 'vitest';
import { Bulkhead, type BulkheadLimits } from '../../src/cluster/bulkhead.js';
import { VirtualClock } from './virtual-clock.js';

/** A bulkhead whose guests say what they are told, by name. */
function stage(limits: Partial<BulkheadLimits> = {}): {
  readonly clock: VirtualClock;
  readonly bulkhead: Bulkhead;
  readonly told: string[];
  ask(name: string, goElsewhere?: () => boolean): void;
} {
  const clock = new VirtualClock();
  const bulkhead = new Bulkhead({ max: 2, queueTimeoutMs: 100, maxQueue: 3, ...limits }, clock);
  const told: string[] = [];
  const ask = (name: string, goElsewhere?: () => boolean): void =>
    bulkhead.ask({
      enter: () => void told.push(`${name} in`),
      refuse: () => void told.push(`${name} refused`),
      goElsewhere,
    });
  return { clock, bulkhead, told, ask };
}

describe('a bulkhead', () => {
  test('lets in so many, and others in order as places become free', () => {
    const { bulkhead, told, ask } = stage();
    for (const name of 'abcd') ask(name);
    expect(told).toEqual(['a in', 'b in']);
    expect(bulkhead.waiting).toBe(2);
    bulkhead.leave();
    bulkhead.leave();
    expect(told).toEqual(['a in', 'b in', 'c in', 'd in']);
    expect(bulkhead.waiting).toBe(0);
  });

  test('refuses at once when so many wait already', () => {
    const { told, ask } = stage();
    for (const name of 'abcdef') ask(name);
    expect(told).toEqual(['a in', 'b in', 'f refused']);
  });

  test('refuses at once when nobody is to wait', () => {
    for (const limits of [{ queueTimeoutMs: 0 }, { maxQueue: 0 }]) {
      const { told, ask } = stage(limits);
      for (const name of 'abc') ask(name);
      expect(told).toEqual(['a in', 'b in', 'c refused']);
    }
  });

  test('refuses each who has waited for its time, and nobody sooner', async () => {
    const { clock, told, ask } = stage();
    for (const name of 'abc') ask(name);
    await clock.pass(60);
    ask('d');
    await clock.pass(39);
    expect(told).toEqual(['a in', 'b in']);
    await clock.pass(1);
    expect(told).toEqual(['a in', 'b in', 'c refused']);
    await clock.pass(60);
    expect(told.at(-1)).toBe('d refused');
  });

  test('lets nobody in whom it has refused', async () => {
    const { clock, bulkhead, told, ask } = stage();
    for (const name of 'abc') ask(name);
    await clock.pass(100);
    bulkhead.leave();
    ask('d');
    expect(told).toEqual(['a in', 'b in', 'c refused', 'd in']);
  });

  test('has a timer only while somebody waits', async () => {
    const { clock, bulkhead, ask } = stage();
    for (const name of 'abcd') ask(name);
    expect(clock.timers).toBe(1);
    bulkhead.leave();
    bulkhead.leave();
    expect(clock.timers).toBe(0);
    ask('e');
    await clock.pass(100);
    expect(clock.timers).toBe(0);
  });

  test('those who wait go another way when there is one, and hear nothing more', async () => {
    const { clock, bulkhead, told, ask } = stage();
    let open = false;
    ask('a');
    ask('b');
    ask('c', () => open);
    ask('d');
    bulkhead.reconsider();
    expect(bulkhead.waiting).toBe(2);
    open = true;
    bulkhead.reconsider();
    expect(bulkhead.waiting).toBe(1);
    bulkhead.leave();
    await clock.pass(200);
    expect(told).toEqual(['a in', 'b in', 'd in']);
  });

  test('one who is let in while others look for another way is not asked any more', () => {
    const { bulkhead, told, ask } = stage({ max: 1 });
    ask('a');
    ask('b', () => {
      bulkhead.leave();
      bulkhead.leave();
      return false;
    });
    ask('c', () => {
      throw new Error('It was asked.');
    });
    bulkhead.reconsider();
    expect(told).toEqual(['a in', 'b in', 'c in']);
  });

  test('any number who leave at once are followed by the next, without one call inside the other', () => {
    const guests = 20_000;
    const { bulkhead, ask } = stage({ max: 1, maxQueue: guests });
    ask('a');
    let depth = 0;
    let deepest = 0;
    let entered = 0;
    for (let guest = 0; guest < guests; guest += 1) {
      bulkhead.ask({
        enter: () => {
          entered += 1;
          depth += 1;
          deepest = Math.max(deepest, depth);
          bulkhead.leave();
          depth -= 1;
        },
        refuse: () => undefined,
      });
    }
    bulkhead.leave();
    expect({ entered, deepest, waiting: bulkhead.waiting }).toEqual({
      entered: guests,
      deepest: 1,
      waiting: 0,
    });
  });
});
