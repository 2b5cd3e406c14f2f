import type { Cluster } from './cluster-registry.js';
import type { Pin } from './pin.js';
import type { PinMark } from './pin-mark.js';
import type { Position } from './position.js';
import { takenMark } from './taken-mark.js';

/** What a request has written to one cluster. */
interface Writes {
  readonly cluster: Cluster;
  /** How many writes are under way. */
  open: number;
  /** How many have ever begun: a position that was taken before a later one began is not enough. */
  begun: number;
  /** Whether a replica applies all of it before it returns. */
  applied: boolean;
  taken: { readonly position: Position | undefined; readonly begun: number } | undefined;
}

/** What a request has written, and how far that may reach into each cluster's history. */
export class WriteLog {
  readonly #writes = new Map<string, Writes>();

  get empty(): boolean {
    return this.#writes.size === 0;
  }

  has(cluster: string): boolean {
    return this.#writes.has(cluster);
  }

  /** The clusters where a write is under way. */
  get open(): readonly Cluster[] {
    return [...this.#writes.values()].filter(({ open }) => open > 0).map(({ cluster }) => cluster);
  }

  /**
   * @param applied whether a replica applies the write before it returns
   * @returns whether this is the first write to the cluster
   */
  begin(cluster: Cluster, applied = false): boolean {
    const writes = this.#writes.get(cluster.name);
    if (writes === undefined) {
      this.#writes.set(cluster.name, { cluster, open: 1, begun: 1, applied, taken: undefined });
      return true;
    }
    writes.open += 1;
    writes.begun += 1;
    writes.applied &&= applied;
    return false;
  }

  end(cluster: Cluster): void {
    const writes = this.#writes.get(cluster.name);
    if (writes !== undefined && writes.open > 0) writes.open -= 1;
  }

  /**
   * What was begun was never sent: it counts no more.
   *
   * @returns whether nothing of the cluster counts any more
   */
  withdraw(cluster: Cluster): boolean {
    const writes = this.#writes.get(cluster.name);
    if (writes === undefined) return false;
    this.end(cluster);
    writes.begun -= 1;
    return writes.begun <= 0 && this.#writes.delete(cluster.name);
  }

  /**
   * Asks the clusters for positions at or after what was written.
   *
   * @returns undefined when there is nothing to wait for
   */
  takePositions(): Promise<unknown> | undefined {
    const missing = [...this.#writes.values()].filter(
      ({ cluster, open, begun, taken }) =>
        cluster.currentPosition !== undefined && open === 0 && taken?.begun !== begun,
    );
    return missing.length === 0 ? undefined : Promise.all(missing.map(takePosition));
  }

  /**
   * What a pin has to say of each cluster that was written to.
   *
   * @param held the pin that came with the request: where it reaches further, its position is kept
   */
  marks(held: Pin | undefined): ReadonlyMap<string, PinMark> {
    const marks = new Map<string, PinMark>();
    for (const [name, writes] of this.#writes) marks.set(name, markOf(writes, held?.marks.get(name)));
    return marks;
  }
}

async function takePosition(writes: Writes): Promise<void> {
  const { cluster, begun } = writes;
  const position = await cluster.currentPosition?.();
  writes.taken = { position, begun };
}

function markOf({ cluster, open, begun, applied, taken }: Writes, held: PinMark | undefined): PinMark {
  if (open === 0 && cluster.currentPosition === undefined) return 'clock';
  const isKnown = open === 0 && taken?.begun === begun;
  return takenMark(cluster, isKnown ? taken.position : undefined, applied ? 'seen' : undefined, held);
}
