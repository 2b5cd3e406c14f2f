/** What a side did in one slice of time. */
export interface Slice {
  readonly operations: number;
  /** How long it really took, in ms: an operation that has begun is finished. */
  readonly ms: number;
  /** The CPU time of the process under test, user and system, in µs. */
  readonly cpuUs: number;
}

/** One of the things compared. */
export interface Side {
  /** Works for about so many ms; rejects when an operation fails, or is served by the wrong node. */
  slice(ms: number): Promise<Slice>;
}

/**
 * Two sides whose slices are compared with each other. They belong to this pairing alone: a side that had more
 * slices than another would find its connections and its code warmer.
 */
export interface Pairing {
  readonly name: string;
  readonly base: Side;
  readonly tried: Side;
}

/** Two adjacent slices. */
export interface Pair {
  readonly base: Slice;
  readonly tried: Slice;
}

export interface SlicePlan {
  /** Pairs that count, of each pairing. */
  readonly pairs: number;
  /** Pairs before them that do not: connections are opened, and code is compiled. */
  readonly warmUpPairs: number;
  readonly sliceMs: number;
}

/**
 * Runs pairings, a pair of each in turn, so that all of them meet the same weather. The order within pairs
 * alternates: what grows over time, or is left over from the slice before, favours neither side.
 *
 * @returns the pairs of each pairing, in the order of `pairings`
 */
export async function runPairs(
  pairings: readonly Pairing[],
  { pairs, warmUpPairs, sliceMs }: SlicePlan,
  signal: AbortSignal,
): Promise<readonly (readonly Pair[])[]> {
  const taken = pairings.map((): Pair[] => []);
  for (let round = -warmUpPairs; round < pairs; round += 1) {
    for (const [index, pairing] of pairings.entries()) {
      signal.throwIfAborted();
      const pair = await runPair(pairing, sliceMs, round % 2 === 0);
      if (round >= 0) taken[index]?.push(pair);
    }
  }
  return taken;
}

async function runPair({ base, tried }: Pairing, ms: number, baseFirst: boolean): Promise<Pair> {
  if (baseFirst) {
    const slice = await base.slice(ms);
    return { base: slice, tried: await tried.slice(ms) };
  }
  const slice = await tried.slice(ms);
  return { base: await base.slice(ms), tried: slice };
}
