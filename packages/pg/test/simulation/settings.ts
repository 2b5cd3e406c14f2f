import type { SeededRandom } from './seeded-random.js';

/** What may go wrong in a schedule. */
export type Fault =
  | 'lag'
  | 'pause'
  | 'restart'
  | 'failover'
  | 'revival'
  | 'split'
  | 'foreign'
  | 'cut'
  | 'slow'
  | 'clock'
  | 'settings';

const faults: readonly Fault[] = [
  'lag',
  'pause',
  'restart',
  'failover',
  'revival',
  'split',
  'foreign',
  'cut',
  'slow',
  'clock',
  'settings',
];

/** What does not change during a schedule. */
export interface ScheduleSettings {
  readonly servers: number;
  readonly processes: number;
  readonly browsers: number;
  readonly synchronous: boolean;
  /** Where the log begins. */
  readonly start: bigint;
  readonly monotonicReads: boolean;
  readonly forMs: number;
  readonly maxAgeMs: number;
  readonly pool: {
    readonly waitForReplicaMs: number;
    readonly probeIntervalMs: number;
    readonly failureThreshold: number;
    readonly downtimeMs: number;
    readonly maxLagMs: number;
    readonly failoverWaitMs: number;
    readonly balance: 'least-busy' | 'round-robin' | 'random';
  };
  /** Whether the last process looks at its nodes seldom, and hears of a promotion late. */
  readonly hearsLate: boolean;
  /** Each schedule has faults of a few kinds, so that there are quiet ones, and ones with many of a kind. */
  readonly faults: readonly Fault[];
  readonly durationMs: number;
  readonly events: number;
  /** Whether it goes on until everybody knows that all is well, and everybody comes once more. */
  readonly toTheEnd: boolean;
}

/** @param rare draws what was thought of later, so that the schedules of earlier seeds stay what they are */
export function drawSettings(random: SeededRandom, rare: SeededRandom): ScheduleSettings {
  return {
    servers: random.pick([2, 2, 3, 3, 4]),
    processes: random.pick([1, 1, 1, 2]),
    browsers: random.whole(1, 3),
    synchronous: random.chance(0.5),
    start: drawStart(random),
    monotonicReads: random.chance(0.4),
    forMs: random.pick([0, 0, 0, 300, 1_000]),
    maxAgeMs: random.pick([300_000, 300_000, 2_000]),
    pool: {
      waitForReplicaMs: random.pick([0, 0, 30]),
      probeIntervalMs: random.whole(300, 1_000),
      failureThreshold: random.whole(1, 3),
      downtimeMs: random.whole(600, 1_500),
      maxLagMs: random.pick([10_000, 10_000, 500]),
      failoverWaitMs: random.pick([0, 300, 1_000]),
      balance: random.pick(['least-busy', 'round-robin', 'random']),
    },
    faults: faults.filter(() => random.chance(0.25)),
    durationMs: random.whole(300, 1_200),
    events: random.whole(5, 15),
    toTheEnd: random.chance(0.2),
    hearsLate: rare.chance(0.25),
  };
}

/** Just before a place where the number gets one digit more, in one of the ways in which it is written. */
function drawStart(random: SeededRandom): bigint {
  const edge = random.pick([36n ** 5n, 36n ** 6n, 36n ** 7n, 16n ** 8n, 16n ** 9n, 1n << 53n]);
  return edge - BigInt(random.whole(0, 30_000));
}
