/** Something that a client did, as the client saw it. Times are ms of one monotonic clock. */
export interface Operation {
  readonly id: number;
  /** The client: all tabs that share its cookies. */
  readonly session: string;
  readonly kind: 'read' | 'write';
  /** What was read or written. The versions of a key are written one after the other, from 1 on. */
  readonly key: string;
  /** The version that was written; for a read the newest one that it saw, 0 where it saw none. */
  readonly value: number;
  /** The node that served it, as far as the client was told. */
  readonly node: string | undefined;
  /** Why it was that node. */
  readonly reason: string | undefined;
  /** Before the request was made. */
  readonly start: number;
  /** After the whole response was there. */
  readonly end: number;
  /** Why there was no good answer; a write without one may have happened or not. */
  readonly failure: string | undefined;
}

/** What a client knows once an operation has ended. */
export type Outcome = Pick<Operation, 'value' | 'node' | 'reason' | 'failure'>;

/** All that clients did in one run, in the order in which it ended. */
export class History {
  readonly #operations: Operation[] = [];
  #begun = 0;

  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /**
   * Records an operation from its start to its end.
   *
   * @param act makes the request; it must not reject
   */
  async record(
    about: Pick<Operation, 'session' | 'kind' | 'key'>,
    act: () => Promise<Outcome>,
  ): Promise<Operation> {
    this.#begun += 1;
    const id = this.#begun;
    const start = performance.now();
    const outcome = await act();
    const operation: Operation = { id, ...about, ...outcome, start, end: performance.now() };
    this.#operations.push(operation);
    return operation;
  }
}
