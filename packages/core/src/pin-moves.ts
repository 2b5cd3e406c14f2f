import type { Pin } from './pin.js';
import type { PinMark } from './pin-mark.js';
import { ReadLog } from './read-log.js';
import { WriteLog } from './write-log.js';

/** What a request did that moves its client's pin: what it wrote, and, with monotonic reads, what it read. */
export class PinMoves {
  readonly writes: WriteLog = new WriteLog();
  readonly reads: ReadLog = new ReadLog();

  get empty(): boolean {
    return this.writes.empty && this.reads.empty;
  }

  /**
   * Asks for the positions that the pin will name. One that covers a write covers what was read as well.
   *
   * @returns undefined when there is nothing to wait for
   */
  takePositions(): Promise<unknown> | undefined {
    const written = this.writes.takePositions();
    const read = this.reads.takePositions((cluster) => !this.writes.has(cluster));
    return written === undefined || read === undefined ? (written ?? read) : Promise.all([written, read]);
  }

  /**
   * What the pin has to say of each cluster.
   *
   * @param held the pin that came with the request: where it reaches further, its position is kept
   */
  marks(held: Pin | undefined): ReadonlyMap<string, PinMark> {
    return new Map([...this.reads.marks(held), ...this.writes.marks(held)]);
  }
}
