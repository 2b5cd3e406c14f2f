import { ReplicationError } from '@node-replicated/core';
import { Bulkhead, type BulkheadLimits, type Clock } from '@node-replicated/core/cluster';
import type { Taker } from './pool-connection.js';
import type { SessionPool } from './session-pool.js';

/** The reads on a primary, so many at a time that its writers stay fast. */
export class PrimaryReads {
  readonly #node: string;
  readonly #limits: BulkheadLimits;
  readonly #onRefused: () => void;
  readonly #bulkhead: Bulkhead;

  constructor(node: string, limits: BulkheadLimits, clock: Clock, onRefused: () => void) {
    this.#onRefused = onRefused;
    this.#node = node;
    this.#limits = limits;
    this.#bulkhead = new Bulkhead(limits, clock);
  }

  /** How many reads wait. */
  get waiting(): number {
    return this.#bulkhead.waiting;
  }

  /**
   * Takes a connection of the primary's readers.
   *
   * @param goElsewhere asked while the read waits, whenever something is seen anew: true when it goes another way,
   *   and then nothing is told any more
   */
  take(reader: SessionPool, taker: Taker, goElsewhere: (() => boolean) | undefined): void {
    this.#bulkhead.ask({
      enter: () => this.#enter(reader, taker),
      refuse: () => taker.onRefused(this.#refusal()),
      goElsewhere,
    });
  }

  /** Something was seen anew: reads that wait may find a replica. */
  reconsider(): void {
    this.#bulkhead.reconsider();
  }

  #enter(reader: SessionPool, taker: Taker): void {
    reader.take({
      onTaken: (client, release) =>
        taker.onTaken(client, (failed) => {
          release(failed);
          this.#bulkhead.leave();
        }),
      onRefused: (error) => {
        this.#bulkhead.leave();
        taker.onRefused(error);
      },
    });
  }

  #refusal(): ReplicationError {
    this.#onRefused();
    const { max, queueTimeoutMs } = this.#limits;
    return new ReplicationError(
      'ERR_OVERLOADED',
      `${this.#node}, the primary, serves ${max} reads at a time (primaryReads.max), and too many others wait already, or this one has waited for ${queueTimeoutMs} ms.`,
    );
  }
}

/** Whether a read was refused because the primary has enough of them: no other node would have been better. */
export function isOverload(error: unknown): boolean {
  return error instanceof ReplicationError && error.code === 'ERR_OVERLOADED';
}
