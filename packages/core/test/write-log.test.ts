import { describe, expect, test, vi } from 'vitest';
import type { Cluster } from '../src/cluster-registry.js';
import type { JoinPositions, Position } from '../src/position.js';
import { WriteLog } from '../src/write-log.js';
import { aPin, further, noon } from './requests.js';

/** A cluster whose positions are given by the test. */
function clusterAt(
  name: string,
  currentPosition: () => Promise<Position | undefined>,
  join: JoinPositions = further,
): Cluster {
  return { name, readOnly: false, currentPosition, join };
}

function write(log: WriteLog, cluster: Cluster): void {
  log.begin(cluster);
  log.end(cluster);
}

const five = (name = 'main'): Cluster => clusterAt(name, async () => '5');

describe('the mark of a cluster that was written to', () => {
  test('is the position that was taken after the write', async () => {
    const log = new WriteLog();
    write(log, five());
    await log.takePositions();
    expect(log.marks(undefined).get('main')).toEqual({ position: '5' });
  });

  test('is unknown before a position was taken', () => {
    const log = new WriteLog();
    write(log, five());
    expect(log.marks(undefined).get('main')).toBe('unknown');
  });

  test('is unknown where a write began after the position was taken', async () => {
    const log = new WriteLog();
    const cluster = five();
    write(log, cluster);
    await log.takePositions();
    write(log, cluster);
    expect(log.marks(undefined).get('main')).toBe('unknown');
  });

  test('is unknown where a write began and ended while the position was asked for', async () => {
    let answer: (position: Position) => void = () => undefined;
    const cluster = clusterAt('main', () => new Promise((resolve) => (answer = resolve)));
    const log = new WriteLog();
    write(log, cluster);
    const taking = log.takePositions();
    write(log, cluster);
    answer('5');
    await taking;
    expect(log.marks(undefined).get('main')).toBe('unknown');
  });

  test('is unknown while a write is open, also when a position was taken before', async () => {
    const log = new WriteLog();
    const cluster = five();
    write(log, cluster);
    await log.takePositions();
    log.begin(cluster);
    expect(log.marks(undefined).get('main')).toBe('unknown');
    expect(log.open.map(({ name }) => name)).toEqual(['main']);
  });

  test('is unknown where the cluster could not tell its position', async () => {
    const log = new WriteLog();
    write(
      log,
      clusterAt('main', async () => undefined),
    );
    await log.takePositions();
    expect(log.marks(undefined).get('main')).toBe('unknown');
  });

  test('is time alone where the engine has no positions, and unknown while a write is open', () => {
    const log = new WriteLog();
    const cluster = { name: 'main', readOnly: false };
    log.begin(cluster);
    expect(log.marks(undefined).get('main')).toBe('unknown');
    log.end(cluster);
    expect(log.marks(undefined).get('main')).toBe('clock');
  });

  test('names the newest history that is known, where its own position is not', async () => {
    const log = new WriteLog();
    write(log, { ...clusterAt('main', async () => undefined), leastPosition: '3' });
    await log.takePositions();
    expect(log.marks(undefined).get('main')).toEqual({ position: '3', hold: 'unknown' });
    const held = aPin(noon, { main: { position: '4' } });
    expect(log.marks(held).get('main')).toEqual({ position: '4', hold: 'unknown' });
  });

  test('is asked for anew after another write, and then names the later position', async () => {
    let position = 5;
    const log = new WriteLog();
    const cluster = clusterAt('main', async () => String(position));
    write(log, cluster);
    await log.takePositions();
    position = 6;
    write(log, cluster);
    await log.takePositions();
    expect(log.marks(undefined).get('main')).toEqual({ position: '6' });
  });

  test('is told for each cluster apart', async () => {
    const log = new WriteLog();
    write(log, five('main'));
    write(log, { name: 'posts', readOnly: false });
    log.begin(five('users'));
    await log.takePositions();
    expect(Object.fromEntries(log.marks(undefined))).toEqual({
      main: { position: '5' },
      posts: 'clock',
      users: 'unknown',
    });
  });
});

describe('the position that came with the request', () => {
  const held = (position: Position) => aPin(noon, { main: { position } });
  const markAfter = async (cluster: Cluster, pin = held('7')): Promise<unknown> => {
    const log = new WriteLog();
    write(log, cluster);
    await log.takePositions();
    return log.marks(pin).get('main');
  };

  test('is kept when it reaches further than the one that was taken', async () => {
    expect(await markAfter(five())).toEqual({ position: '7' });
  });

  test('gives way when it does not', async () => {
    expect(await markAfter(five(), held('4'))).toEqual({ position: '5' });
  });

  test('gives way where the cluster is not sure, or does not compare', async () => {
    const currentPosition = async (): Promise<Position> => '5';
    expect(await markAfter({ name: 'main', readOnly: false, currentPosition })).toEqual({ position: '5' });
    const unsure = clusterAt('main', currentPosition, () => undefined);
    expect(await markAfter(unsure)).toEqual({ position: '5' });
  });

  test('and the one that was taken make one that has reached both, where neither has reached the other', async () => {
    const parted = clusterAt(
      'main',
      async () => '5',
      (a, b) => [a, b].sort().join('+'),
    );
    expect(await markAfter(parted)).toEqual({ position: '5+7' });
  });

  test('does not stand in for one that could not be taken', async () => {
    expect(await markAfter(clusterAt('main', async () => undefined))).toBe('unknown');
  });

  test('of another cluster has no say', async () => {
    expect(await markAfter(five(), aPin(noon, { posts: { position: '7' } }))).toEqual({ position: '5' });
  });
});

describe('taking positions', () => {
  test('has nothing to wait for before anything was written', () => {
    expect(new WriteLog().takePositions()).toBeUndefined();
  });

  test('has nothing to wait for while the only write is open, and does not ask', () => {
    const currentPosition = vi.fn(async () => '5');
    const log = new WriteLog();
    log.begin(clusterAt('main', currentPosition));
    expect(log.takePositions()).toBeUndefined();
    expect(currentPosition).not.toHaveBeenCalled();
  });

  test('has nothing to wait for where the engine has no positions', () => {
    const log = new WriteLog();
    write(log, { name: 'main', readOnly: false });
    expect(log.takePositions()).toBeUndefined();
  });

  test.each([['a position', '5'] as const, ['that there is none', undefined] as const])(
    'has nothing more to wait for after the cluster has told %s',
    async (_, answer) => {
      const currentPosition = vi.fn(async () => answer);
      const log = new WriteLog();
      write(log, clusterAt('main', currentPosition));
      await log.takePositions();
      expect(log.takePositions()).toBeUndefined();
      expect(currentPosition).toHaveBeenCalledTimes(1);
    },
  );

  test('asks each cluster once, however often it was written to', async () => {
    const ask = { main: vi.fn(async () => '5'), posts: vi.fn(async () => '6') };
    const log = new WriteLog();
    for (let time = 0; time < 3; time += 1) {
      write(log, clusterAt('main', ask.main));
      write(log, clusterAt('posts', ask.posts));
    }
    await log.takePositions();
    expect([ask.main.mock.calls.length, ask.posts.mock.calls.length]).toEqual([1, 1]);
  });

  test('asks only the cluster that was written to since', async () => {
    const ask = { main: vi.fn(async () => '5'), posts: vi.fn(async () => '6') };
    const log = new WriteLog();
    write(log, clusterAt('main', ask.main));
    write(log, clusterAt('posts', ask.posts));
    await log.takePositions();
    write(log, clusterAt('posts', ask.posts));
    await log.takePositions();
    expect([ask.main.mock.calls.length, ask.posts.mock.calls.length]).toEqual([1, 2]);
  });
});

describe('the count of open writes', () => {
  test('does not fall below none, so that an end too many hides no later write', () => {
    const log = new WriteLog();
    const cluster = five();
    write(log, cluster);
    log.end(cluster);
    log.begin(cluster);
    expect(log.open.map(({ name }) => name)).toEqual(['main']);
  });

  test('tells the first write to a cluster from the others', () => {
    const log = new WriteLog();
    expect(log.empty).toBe(true);
    expect([log.begin(five()), log.begin(five()), log.begin(five('posts'))]).toEqual([true, false, true]);
    expect([log.empty, log.has('main'), log.has('users')]).toEqual([false, true, false]);
  });
});
