/** A median and the interval that holds the true one with a chance of at least 95 %. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Estimates a median from samples that came one after the other under the same conditions.
 *
 * The interval is the one between two order statistics: the number of samples below the true median is binomial
 * with a chance of one half, whatever the shape of the distribution, so counting in from both ends until 2.5 %
 * are left outside bounds it without assuming anything. See W. J. Conover, "Practical Nonparametric Statistics",
 * section 3.2. Five samples or fewer cannot reach 95 %: then it is all of them.
 *
 * @throws RangeError when there are none
 */
export function estimateMedian(samples: readonly number[]): Estimate {
  const sorted = [...samples].sort((a, b) => a - b);
  const { length } = sorted;
  const outside = samplesOutside(length);
  return {
    median: (at(sorted, Math.floor((length - 1) / 2)) + at(sorted, Math.ceil((length - 1) / 2))) / 2,
    low: at(sorted, outside),
    high: at(sorted, length - 1 - outside),
  };
}

/**
 * The smallest sample that so large a share of all samples do not exceed.
 *
 * @param share above 0, at most 1
 * @throws RangeError when there are no samples
 */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return at(sorted, Math.ceil(share * sorted.length) - 1);
}

/**
 * How many samples at each end can be left out. With k the largest number for which P(Binomial(n, 1/2) < k) ≤ 2.5 %,
 * the interval begins at the k-th smallest sample.
 */
function samplesOutside(n: number): number {
  let term = 0.5 ** n;
  let sum = term;
  let k = 0;
  while (sum <= 0.025) {
    term *= (n - k) / (k + 1);
    k += 1;
    sum += term;
  }
  return Math.max(k - 1, 0);
}

function at(sorted: readonly number[], index: number): number {
  const value = sorted[index];
  if (value === undefined) throw new RangeError('There is no median or quantile of nothing.');
  return value;
}
