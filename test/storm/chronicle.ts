/**
 * What a node is for a while.
 * - `unfit`: it cannot serve a read. It is stopped, frozen, cut off, or has been left behind by a promotion
 * - `primary`: it is the one primary
 * - `mute`: it confirms no commit to the primary, or not at once
 */
export type Condition = 'unfit' | 'primary' | 'mute';

/** A node's condition, from before it came about until after it was undone; for `primary` the other way round. */
export interface Span {
  readonly node: string;
  readonly condition: Condition;
  readonly from: number;
  /** Infinity while it lasts. */
  readonly until: number;
}

/** Something that was done to a node. */
export interface Strike {
  readonly what: string;
  readonly node: string;
  readonly at: number;
}

/** Writes down what happens to the nodes. Times are ms of the same clock as those of a history. */
export class Chronicle {
  readonly #strikes: Strike[] = [];
  readonly #ended: Span[] = [];
  readonly #open = new Set<Omit<Span, 'until'>>();

  get strikes(): readonly Strike[] {
    return this.#strikes;
  }

  get spans(): readonly Span[] {
    return [...this.#ended, ...[...this.#open].map((span) => ({ ...span, until: Number.POSITIVE_INFINITY }))];
  }

  /** Something is about to be done to a node. */
  strike(what: string, node: string): void {
    this.#strikes.push({ what, node, at: performance.now() });
  }

  /** @returns a function that ends it; later calls do nothing */
  begin(condition: Condition, node: string): () => void {
    const open = { node, condition, from: performance.now() };
    this.#open.add(open);
    return () => {
      if (this.#open.delete(open)) this.#ended.push({ ...open, until: performance.now() });
    };
  }
}

/** The last things that were done before a moment, in words. */
export function lastStrikes(strikes: readonly Strike[], before: number, count = 8): string {
  return strikes
    .filter(({ at }) => at <= before)
    .slice(-count)
    .map(({ what, node, at }) => `${((at - before) / 1_000).toFixed(2)} s ${node}: ${what}`)
    .join('\n');
}
