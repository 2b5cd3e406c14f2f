import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { simulate } from './simulate.js';

const { SIMULATION_SCHEDULES, SIMULATION_FIRST_SEED = '1', SIMULATION_SEED } = process.env;
const schedules = Number(SIMULATION_SCHEDULES ?? 2_000);
const firstSeed = Number(SIMULATION_FIRST_SEED);

/**
 * Runs every second schedule: two files share the work, as each has a thread of its own.
 *
 * @param part 0 or 1
 */
export function runSchedules(part: 0 | 1): void {
  if (SIMULATION_SEED !== undefined) runOne(Number(SIMULATION_SEED), part);
  else {
    test(`of ${schedules} schedules, number ${part} and every second one after it keep all promises`, async () => {
      for (let index = part; index < schedules; index += 2) {
        const { violations } = await simulate(firstSeed + index);
        if (violations.length > 0) await tellStory(firstSeed + index);
        expect(violations, again(firstSeed + index)).toEqual([]);
        if (index % 512 === part) await setImmediate();
      }
    }, 1_500_000);
  }
}

function runOne(seed: number, part: 0 | 1): void {
  test.skipIf(part === 1)(`the schedule of seed ${seed} keeps all promises`, async () => {
    const violations = await tellStory(seed);
    expect(violations).toEqual([]);
  });
}

async function tellStory(seed: number): Promise<readonly object[]> {
  const story: string[] = [];
  const { violations } = await simulate(seed, { tell: (line) => story.push(line) });
  process.stdout.write(`${story.join('\n')}\n${again(seed)}\n`);
  return violations;
}

const again = (seed: number): string => `SIMULATION_SEED=${seed} npm run test:simulation`;
