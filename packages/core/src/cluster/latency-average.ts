/** An average of response times, in which what is long ago counts little. */
export interface LatencyAverage {
  readonly ms: number;
  /** When it last changed, on the clock of the samples. */
  readonly at: number;
}

/** After this time, in ms, what was before counts for about a third. */
const memoryMs = 10_000;

/**
 * The average after one more sample: an exponentially weighted one whose weights go by time, since samples do not come
 * at even intervals; A. Eckner, "Algorithms for Unevenly Spaced Time Series: Moving Averages", 2019.
 */
export function averageLatency(
  previous: LatencyAverage | undefined,
  sampleMs: number,
  now: number,
): LatencyAverage {
  if (previous === undefined) return { ms: sampleMs, at: now };
  const kept = Math.exp(-(now - previous.at) / memoryMs);
  return { ms: kept * previous.ms + (1 - kept) * sampleMs, at: now };
}
