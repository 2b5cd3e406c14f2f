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

const long: Omit<TrialPlan, 'visitors'> = { idleMs: 2_000, warmUpMs: 3_000, measuredMs: 8_000 };
const short: Omit<TrialPlan, 'visitors'> = { idleMs: 100, warmUpMs: 300, measuredMs: 1_000 };
const shortScenarios: readonly string[] = ['lag-300', 'uneven'];

/**
 * @throws an Error for a flag, or the name of a scenario, that does not exist, and for a number of visitors that cannot be
 */
export function readOffloadFlags(args: readonly string[], names: readonly string[]): OffloadFlags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      short: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      visitors: { type: 'string', default: '200' },
    },
  });
  const only = values.only.flatMap((list) => list.split(','));
  const stranger = only.find((name) => !names.includes(name));
  if (stranger !== undefined) throw new Error(`There is no scenario '${stranger}', but ${names.join(', ')}.`);
  const visitors = Number(values.visitors);
  if (!Number.isInteger(visitors) || visitors < 1)
    throw new Error(`--visitors must be a number of visitors, not '${values.visitors}'.`);
  const usual = values.short ? shortScenarios : names;
  return {
    short: values.short,
    scenarios: only.length === 0 ? usual : only,
    plan: { ...(values.short ? short : long), visitors },
  };
}
