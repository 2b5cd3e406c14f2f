/** What a balancer may look at. */
export interface Balanced {
  readonly name: string;
  /** How many statements it is working on for this process. */
  readonly busy: number;
  /** How many it can work on at a time for this process. */
  readonly capacity: number;
  /** How much it is to get, compared with others: above zero. */
  readonly weight: number;
  readonly zone: string | undefined;
  /** How long it takes to answer, in ms, on an average in which the last seconds count most; undefined: unknown. */
  readonly latencyMs: number | undefined;
  /** When it came back after it had been away, in ms of a clock that never jumps; undefined: long ago. */
  readonly backSince: number | undefined;
}

/**
 * Chooses one of the candidates, of which there is at least one. It must not look at all of them: the cost of a
 * choice does not grow with their number. What it works out beforehand holds as long as the list is the same object.
 */
export type Balancer = <T extends Balanced>(candidates: readonly T[]) => T;

/** The candidate at a place. */
export function candidateAt<T>(candidates: readonly T[], index: number): T {
  const chosen = candidates[index];
  if (chosen === undefined) throw new RangeError('A balancer was asked to choose from nothing.');
  return chosen;
}
