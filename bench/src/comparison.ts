import type { Pair, Slice } from './slices.js';
import { type Estimate, estimateMedian } from './statistics.js';

/** What came out: `tried` in terms of `base`. */
export interface Comparison {
  readonly name: string;
  readonly pairs: number;
  /** Operations per second: above 1, `tried` did more. */
  readonly throughput: Estimate;
  /** CPU time per operation: above 1, `tried` took more. */
  readonly cpu: Estimate;
  readonly base: Rate;
  readonly tried: Rate;
}

/** Medians of all slices of a side. */
interface Rate {
  readonly perSecond: number;
  readonly cpuUs: number;
}

/** Compares the two slices of each pair first, and only then takes the median of these ratios. */
export function compare(name: string, pairs: readonly Pair[]): Comparison {
  return {
    name,
    pairs: pairs.length,
    throughput: estimateMedian(pairs.map(({ base, tried }) => perSecond(tried) / perSecond(base))),
    cpu: estimateMedian(pairs.map(({ base, tried }) => cpuUs(tried) / cpuUs(base))),
    base: rateOf(pairs.map(({ base }) => base)),
    tried: rateOf(pairs.map(({ tried }) => tried)),
  };
}

function rateOf(slices: readonly Slice[]): Rate {
  return {
    perSecond: estimateMedian(slices.map(perSecond)).median,
    cpuUs: estimateMedian(slices.map(cpuUs)).median,
  };
}

function perSecond({ operations, ms }: Slice): number {
  return (operations / ms) * 1_000;
}

function cpuUs(slice: Slice): number {
  return slice.cpuUs / slice.operations;
}
