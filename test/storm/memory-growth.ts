/** How much memory a process used at a moment, after its garbage was collected. */
export interface MemorySample {
  /** ms. */
  readonly at: number;
  readonly heapBytes: number;
}

/** How a process's memory went on after it had warmed up. */
export interface MemoryGrowth {
  readonly firstMb: number;
  readonly lastMb: number;
  /** The slope of the line through the samples (least squares). */
  readonly mbPerMinute: number;
}

/** The first third of the samples is left out: caches fill, and code is compiled. */
export function memoryGrowth(samples: readonly MemorySample[]): MemoryGrowth {
  const warm = samples.slice(Math.floor(samples.length / 3));
  const minutes = warm.map(({ at }) => at / 60_000);
  const mb = warm.map(({ heapBytes }) => heapBytes / 2 ** 20);
  const [meanMinute, meanMb] = [mean(minutes), mean(mb)];
  const covariance = mean(
    minutes.map((minute, index) => (minute - meanMinute) * ((mb[index] ?? 0) - meanMb)),
  );
  const variance = mean(minutes.map((minute) => (minute - meanMinute) ** 2));
  return {
    firstMb: mb[0] ?? 0,
    lastMb: mb.at(-1) ?? 0,
    mbPerMinute: variance === 0 ? 0 : covariance / variance,
  };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
