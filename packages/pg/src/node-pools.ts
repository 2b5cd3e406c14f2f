import type pg from 'pg';
import type { SessionPool } from './session-pool.js';

/** What makes a node's pools. */
export interface PoolMakers {
  openReader(): SessionPool;
  openWriter(): SessionPool;
}

export interface PoolCounts {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
}

/** A node's pool to read with, its pool to write with, and those that were given up and are still in use. */
export class NodePools {
  readonly #makers: PoolMakers;
  #reader: SessionPool | undefined;
  #writer: SessionPool | undefined;
  /** Pools that nobody takes a connection from any more, until the last one has come back. */
  readonly #retired = new Map<SessionPool, Promise<void>>();
  /** Those of them to write with. */
  readonly #formerWriters = new Set<SessionPool>();

  constructor(makers: PoolMakers) {
    this.#makers = makers;
  }

  /** All that may have connections. */
  get all(): readonly SessionPool[] {
    const all = [this.#reader, this.#writer, ...this.#retired.keys()];
    return all.filter((pool) => pool !== undefined);
  }

  /** The pool to read with, if there is one already. */
  get opened(): SessionPool | undefined {
    return this.#reader;
  }

  get reader(): SessionPool {
    this.#reader ??= this.#makers.openReader();
    return this.#reader;
  }

  get writer(): SessionPool {
    this.#writer ??= this.#makers.openWriter();
    return this.#writer;
  }

  /** How many connections the two have. */
  get counts(): { readonly reader: PoolCounts; readonly writer: PoolCounts } {
    return { reader: countsOf(this.#reader), writer: countsOf(this.#writer) };
  }

  /** Nobody reads with the pool any more. @returns when what is under way has ended, and its connections are closed */
  retireReader(error: Error): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    return this.#retire(reader, error);
  }

  /** Nobody writes with the pool any more. @returns as above */
  retireWriter(error: Error): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer !== undefined) this.#formerWriters.add(writer);
    return this.#retire(writer, error);
  }

  /** Settles when the pools that were given up are closed. */
  async whenRetired(): Promise<void> {
    await Promise.all(this.#retired.values());
  }

  /** Whoever waits for a connection gets the error, and all connections are cut. */
  sever(error: Error): void {
    for (const pool of this.all) pool.sever(error);
  }

  /** The same, but only for writes that are under way in pools which were given up. */
  severFormerWriters(error: Error): void {
    for (const pool of this.#formerWriters) pool.sever(error);
  }

  /** The same, but only for reads that can run elsewhere: those outside a transaction. */
  severFree(error: Error, isBound: (client: pg.ClientBase) => boolean): void {
    this.#reader?.sever(error, (client) => {
      const status = client.getTransactionStatus();
      return (status === 'I' || status === null) && !isBound(client);
    });
  }

  async close(): Promise<void> {
    const ended = new Error('Cannot use a pool after calling end on the pool');
    await Promise.all(this.all.map((pool) => pool.retire(ended)));
  }

  #retire(pool: SessionPool | undefined, error: Error): Promise<void> {
    if (pool === undefined) return Promise.resolve();
    const retired = pool.retire(error).finally(() => {
      this.#retired.delete(pool);
      this.#formerWriters.delete(pool);
    });
    this.#retired.set(pool, retired);
    return retired;
  }
}

function countsOf(pool: SessionPool | undefined): PoolCounts {
  return { total: pool?.totalCount ?? 0, idle: pool?.idleCount ?? 0, waiting: pool?.waitingCount ?? 0 };
}
