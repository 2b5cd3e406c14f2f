import { describe, expect, test } from 'vitest';
import { SharedTask } from '../../src/cluster/shared-task.js';

/** Rounds that end when the test says so; each gives its number. */
function rounds(): {
  readonly task: SharedTask<number>;
  readonly begun: () => number;
  end(error?: Error): void;
} {
  let begun = 0;
  let settle: (error?: Error) => void = () => undefined;
  const task = new SharedTask(() => {
    begun += 1;
    const number = begun;
    return new Promise<number>((resolve, reject) => {
      settle = (error) => (error === undefined ? resolve(number) : reject(error));
    });
  });
  return { task, begun: () => begun, end: (error) => settle(error) };
}

describe('a shared task', () => {
  test('begins at once for the first who asks', async () => {
    const { task, begun, end } = rounds();
    const first = task.ask();
    expect(begun()).toBe(1);
    end();
    expect(await first).toBe(1);
  });

  test('does not begin before anybody asks', () => {
    const { begun } = rounds();
    expect(begun()).toBe(0);
  });

  test('never lets a caller join a round that began before it asked', async () => {
    const { task, begun, end } = rounds();
    const early = task.ask();
    const late = task.ask();
    expect(begun()).toBe(1);
    end();
    await early;
    expect(begun()).toBe(2);
    end();
    expect(await Promise.all([early, late])).toEqual([1, 2]);
  });

  test('gives one round to all who wait: 101 callers make two', async () => {
    const { task, begun, end } = rounds();
    const asked = Array.from({ length: 101 }, () => task.ask());
    end();
    await asked[0];
    end();
    expect(await Promise.all(asked)).toEqual([1, ...Array.from({ length: 100 }, () => 2)]);
    expect(begun()).toBe(2);
  });

  test('gives a third round to those who ask during the second', async () => {
    const { task, begun, end } = rounds();
    const first = task.ask();
    const second = task.ask();
    end();
    await first;
    const third = task.ask();
    const alsoThird = task.ask();
    end();
    await second;
    end();
    expect(await Promise.all([third, alsoThird])).toEqual([3, 3]);
    expect(begun()).toBe(3);
  });

  test('runs no round that nobody has asked for', async () => {
    const { task, begun, end } = rounds();
    const first = task.ask();
    end();
    await first;
    expect(begun()).toBe(1);
    const second = task.ask();
    end();
    expect(await second).toBe(2);
  });

  test('gives every caller a round that began after it asked, whenever it asks', async () => {
    const { task, begun, end } = rounds();
    for (const pauses of [0, 1, 2, 3, 4, 5]) {
      const running = task.ask();
      end();
      for (let pause = 0; pause < pauses; pause += 1) await null;
      const before = begun();
      const asked = task.ask();
      for (let pause = 0; pause < 20 && begun() === before; pause += 1) await null;
      end();
      expect(await asked).toBeGreaterThan(before);
      await running;
    }
  });
});

describe('a round that fails', () => {
  test('fails for those who share it, and for nobody else', async () => {
    const { task, end } = rounds();
    const first = task.ask();
    const waiting = [task.ask(), task.ask()];
    end(new Error('lost'));
    await expect(first).rejects.toThrow('lost');
    end();
    expect(await Promise.all(waiting)).toEqual([2, 2]);
  });

  test('does not keep the task from being asked again', async () => {
    const { task, end } = rounds();
    const first = task.ask();
    const second = task.ask();
    end(new Error('lost'));
    await expect(first).rejects.toThrow('lost');
    end(new Error('lost again'));
    await expect(second).rejects.toThrow('lost again');
    const third = task.ask();
    end();
    expect(await third).toBe(3);
  });
});
