import { parseArgs } from 'node:util';
import type { TrialPlan } from './trial.js';

/** The command line of the benchmark. */
export interface OffloadFlags {
  /** Whether the run is a check rather than a measurement. */
  readonly short: boolean;
  /** Names of scenarios. */
  readonly scenarios: readonly string[];
  readonly plan: TrialPlan;
}

const long: TrialPlan = { visitors: 200, idleMs: 3_000, warmUpMs: 4_000, measuredMs: 12_000 };
const short: TrialPlan = { visitors: 200, idleMs: 100, warmUpMs: 300, measuredMs: 1_000 };
const shortScenarios: readonly string[] = ['lag-300', 'uneven'];

/**
 * @throws an Error for a flag, or the name of a scenario, that does not exist
 */
export function readOffloadFlags(args: readonly string[], names: readonly string[]): OffloadFlags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      short: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
    },
  });
  const only = values.only.flatMap((list) => list.split(','));
  const stranger = only.find((name) => !names.includes(name));
  if (stranger !== undefined) throw new Error(`There is no scenario '${stranger}', but ${names.join(', ')}.`);
  const usual = values.short ? shortScenarios : names;
  return {
    short: values.short,
    scenarios: only.length === 0 ? usual : only,
    plan: values.short ? short : long,
  };
}
