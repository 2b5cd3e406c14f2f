import type { Comparison } from './comparison.js';

/** What an overhead may be. */
export interface Goal {
  /** The least throughput, in terms of the bare side's. */
  readonly throughput: number;
  /** The most CPU time per operation, in terms of the bare side's. */
  readonly cpu: number | undefined;
}

const query: Goal = { throughput: 0.97, cpu: 1.03 };
const inExpress: Goal = { throughput: 0.97, cpu: undefined };
const inFastify: Goal = { throughput: 0.95, cpu: undefined };

export const goals: Readonly<Record<string, Goal>> = {
  'pool-select': query,
  'pool-select-together': query,
  'pool-select-two': query,
  'pool-select1': query,
  'pool-select-outside': query,
  express: inExpress,
  'express-select': inExpress,
  fastify: inFastify,
  'fastify-select': inFastify,
};

/** Met and missed are said only when the whole interval is on one side of the goal. */
export type Verdict = 'met' | 'missed' | 'undecided';

export function judge({ throughput, cpu }: Comparison, goal: Goal): Verdict {
  const verdicts = [
    verdict(throughput.low >= goal.throughput, throughput.high < goal.throughput),
    ...(goal.cpu === undefined ? [] : [verdict(cpu.high <= goal.cpu, cpu.low > goal.cpu)]),
  ];
  if (verdicts.includes('missed')) return 'missed';
  return verdicts.includes('undecided') ? 'undecided' : 'met';
}

function verdict(met: boolean, missed: boolean): Verdict {
  if (met) return 'met';
  return missed ? 'missed' : 'undecided';
}
