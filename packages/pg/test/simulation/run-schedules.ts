import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { simulate } from './simulate.js';

const { CI, SIMULATION_SCHEDULES, SIMULATION_FIRST_SEED = '1', SIMULATION_SEED } = process.env;
const schedules = Number(SIMULATION_SCHEDULES ?? (CI === 'true' ? 100_000 : 10_000));
const firstSeed = Number(SIMULATION_FIRST_SEED);

/** Seeds whose schedules broke a promise once. */
const onceBroken = [39_034, 68_928, 77_843, 169_172, 5_218_705];

/**
 * Runs every second schedule: two files share the work, as each has a thread of its own.
 *
 * @param part 0 or 1
 */
export function runSchedules(part: 0 | 1): void {
  spareTime();
  if (SIMULATION_SEED !== undefined) runOne(Number(SIMULATION_SEED), part);
  else {
    test('schedules that once broke a promise keep all of them', async () => {
      for (const seed of onceBroken) await expectAllKept(seed);
    });

    test(`of ${schedules} schedules, number ${part} and every second one after it keep all promises`, async () => {
      for (let index = part; index < schedules; index += 2) {
        await expectAllKept(firstSeed + index);
        if (index % 512 === part) await setImmediate();
      }
    }, 1_500_000);
  }
}

async function expectAllKept(seed: number): Promise<void> {
  const { violations } = await simulate(seed);
  if (violations.length > 0) await tellStory(seed);
  expect(violations, again(seed)).toEqual([]);
}

function runOne(seed: number, part: 0 | 1): void {
  test.skipIf(part === 1)(`the schedule of seed ${seed} keeps all promises`, async () => {
    const violations = await tellStory(seed);
    expect(violations).toEqual([]);
  });
}

/** Nobody reads the stacks of simulated errors, and the real environment is slow to ask for each new connection. */
function spareTime(): void {
  const { env } = process;
  const { stackTraceLimit } = Error;
  beforeAll(() => {
    process.env = { ...env };
    Error.stackTraceLimit = 0;
  });
  afterAll(() => {
    process.env = env;
    Error.stackTraceLimit = stackTraceLimit;
  });
}

async function tellStory(seed: number): Promise<readonly object[]> {
  const story: string[] = [];
  const { violations } = await simulate(seed, { tell: (line) => story.push(line) });
  process.stdout.write(`${story.join('\n')}\n${again(seed)}\n`);
  return violations;
}

const again = (seed: number): string => `SIMULATION_SEED=${seed} npm run test:simulation`;
