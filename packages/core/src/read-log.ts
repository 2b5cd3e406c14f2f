import type { Cluster } from './cluster-registry.js';
import type { Pin } from './pin.js';
import type { PinMark } from './pin-mark.js';
import type { Position } from './position.js';
import { takenMark } from './taken-mark.js';

/** What a request has read from one cluster. */
interface Reads {
  readonly cluster: Cluster;
  readonly nodes: Set<string>;
  /** How many reads there were: a position that was taken before a later one is not enough. */
  count: number;
  taken: { readonly position: Position | undefined; readonly count: number } | undefined;
}

/** What a request has read, and how much of each cluster's history its client has seen by that. */
export class ReadLog {
  readonly #reads = new Map<string, Reads>();

  get empty(): boolean {
    return this.#reads.size === 0;
  }

  /** The nodes of a cluster that were read from; undefined when there was none. */
  nodesOf(cluster: string): ReadonlySet<string> | undefined {
    return this.#reads.get(cluster)?.nodes;
  }

  /** Notes a read. Only clusters that can tell positions count. */
  note(cluster: Cluster, node: string): void {
    if (cluster.shownPosition === undefined) return;
    let reads = this.#reads.get(cluster.name);
    if (reads === undefined) {
      reads = { cluster, nodes: new Set(), count: 0, taken: undefined };
      this.#reads.set(cluster.name, reads);
    }
    reads.nodes.add(node);
    reads.count += 1;
  }

  /**
   * Asks the nodes for positions at or after what they have shown.
   *
   * @param isNeeded whether a cluster's position is wanted
   * @returns undefined when there is nothing to wait for
   */
  takePositions(isNeeded: (cluster: string) => boolean): Promise<unknown> | undefined {
    const missing = [...this.#reads.values()].filter(
      ({ cluster, count, taken }) => taken?.count !== count && isNeeded(cluster.name),
    );
    return missing.length === 0 ? undefined : Promise.all(missing.map(takePosition));
  }

  /**
   * What a pin has to say of each cluster that was read.
   *
   * @param held the pin that came with the request: where it reaches further, its position is kept
   */
  marks(held: Pin | undefined): ReadonlyMap<string, PinMark> {
    const marks = new Map<string, PinMark>();
    for (const [name, { cluster, count, taken }] of this.#reads) {
      const known = taken?.count === count ? taken.position : undefined;
      // What cannot be told may be anything up to now, as if it had been written.
      marks.set(name, takenMark(cluster, known, 'seen', held?.marks.get(name)));
    }
    return marks;
  }
}

async function takePosition(reads: Reads): Promise<void> {
  const { cluster, nodes, count } = reads;
  const shown = await Promise.all([...nodes].map((node) => cluster.shownPosition?.(node)));
  reads.taken = { position: furthest(cluster, shown), count };
}

/** The position that has everything up to all of the others; undefined when one is not known, or cannot be compared. */
function furthest({ join }: Cluster, positions: readonly (Position | undefined)[]): Position | undefined {
  return positions.reduce((best, position) =>
    best === undefined || position === undefined ? undefined : join?.(best, position),
  );
}
