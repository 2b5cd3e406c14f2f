import { onReplicationEvent } from '@node-replicated/core';
import { restoreAll } from './faults.js';
import { Judge, type Violation } from './judge.js';
import { Schedule } from './schedule.js';
import { SeededRandom } from './seeded-random.js';
import { drawSettings, type Fault } from './settings.js';
import { SimDatabase } from './sim-database.js';
import { VirtualTime } from './virtual-time.js';
import { type SimWorld, seldomMs, WebProcess } from './web-process.js';

/** What a schedule has shown. */
export interface Outcome {
  readonly seed: number;
  readonly violations: readonly Violation[];
}

export interface SimulateOptions {
  /** Hears what happens, line by line. */
  readonly tell?: (line: string) => void;
  /** What goes wrong, instead of what the seed says. */
  readonly faults?: readonly Fault[];
}

/** Runs one schedule. All that happens in it follows from its seed. */
export async function simulate(seed: number, { tell, faults }: SimulateOptions = {}): Promise<Outcome> {
  const random = new SeededRandom(seed);
  const drawn = drawSettings(random, new SeededRandom(~seed));
  const settings = faults === undefined ? drawn : { ...drawn, faults };
  const time = new VirtualTime(random.next);
  const judge = new Judge(() => time.now(), tell);
  judge.note(() => `seed ${seed}: ${JSON.stringify({ ...settings, start: String(settings.start) })}`);
  const world: SimWorld = {
    settings,
    time,
    random,
    judge,
    database: new SimDatabase(settings, time, random),
  };
  const stop = onReplicationEvent('node-changed', (event) => judge.nodeChanged(event));
  const processes = Array.from(
    { length: settings.processes },
    (_, index) =>
      new WebProcess(`w${index + 1}`, world, settings.hearsLate && index === settings.processes - 1),
  );
  const [first, ...others] = processes;
  if (first === undefined) throw new Error('A schedule has no process.');
  try {
    const schedule = new Schedule(world, [first, ...others]);
    schedule.prepare();
    await time.passUntil(settings.durationMs);
    restoreAll(world, processes);
    if (settings.toTheEnd) {
      await passUntilTrue(time, settings.pool, () => processes.every(({ knowsAll }) => knowsAll));
      schedule.visitAgain();
    }
    await passUntilTrue(time, settings.pool, () => schedule.underWay.length === 0);
    for (const name of schedule.underWay) judge.report('every request ends', name);
    return { seed, violations: judge.violations };
  } finally {
    stop();
    for (const { cluster } of processes) void cluster.close();
  }
}

async function passUntilTrue(
  time: VirtualTime,
  settings: SimWorld['settings']['pool'],
  isTrue: () => boolean,
): Promise<void> {
  const end = time.now() + quietMs(settings);
  while (!isTrue() && time.now() < end) await time.passUntil(time.now() + 50);
}

/** After so many ms every server was probed, and every wait is over. */
function quietMs({ downtimeMs, failoverWaitMs }: SimWorld['settings']['pool']): number {
  return 1.1 * downtimeMs + 2.2 * seldomMs + failoverWaitMs + 1_500;
}
