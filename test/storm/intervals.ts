/** A time from one moment until another, in ms. */
export interface Interval {
  readonly from: number;
  readonly until: number;
}

/** All of time. */
export const always: Interval = { from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY };

/** What is left of some intervals when others are taken away. */
export function without(intervals: readonly Interval[], taken: readonly Interval[]): readonly Interval[] {
  return taken.reduce<readonly Interval[]>(
    (left, { from, until }) =>
      left.flatMap((interval) =>
        [
          { from: interval.from, until: Math.min(interval.until, from) },
          { from: Math.max(interval.from, until), until: interval.until },
        ].filter((part) => part.from < part.until),
      ),
    intervals,
  );
}

/** What lies in both. */
export function within(some: readonly Interval[], others: readonly Interval[]): readonly Interval[] {
  return without(some, without([always], others));
}
