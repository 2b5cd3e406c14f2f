import { ReplicationError } from '@node-replicated/core';
import type { Balanced, Position } from '@node-replicated/core/cluster';
import type pg from 'pg';
import type { NodeSettings } from './options.js';
import { PgProber } from './probe.js';
import { SessionPool, type Taken } from './session-pool.js';
import { proveReader, proveWriter, readerConfig } from './session-proof.js';

/** What a node needs from its pool. */
export interface NodeHooks {
  /** The highest timeline ever seen in the cluster. */
  readonly newestTimeline: () => number;
  /** A pool of connections was made: whoever counts or listens wants to know. */
  readonly onPool: (pool: pg.Pool) => void;
  readonly onPoolGone: (pool: pg.Pool) => void;
}

/** One database server and its two pools. */
export class PgNode implements Balanced {
  readonly name: string;
  readonly prober: PgProber;
  /** Whether statements may be sent there to read. Kept up to date by the cluster's watcher. */
  readable = false;
  /** How far it has replayed, by its last probe. */
  replayed: Position | undefined;
  /** Statements and leases that its readers are working on. */
  busy = 0;
  /** Whether its readers' sessions proved to be read-only; false where a pooler drops the setting. */
  provenReadOnly = true;

  readonly #config: pg.PoolConfig;
  readonly #primaryReadsMax: number | undefined;
  readonly #hooks: NodeHooks;
  #isPrimary = false;
  #answers = true;
  #reader: SessionPool | undefined;
  #writer: SessionPool | undefined;

  constructor({ name, config }: NodeSettings, primaryReadsMax: number | undefined, hooks: NodeHooks) {
    this.name = name;
    this.prober = new PgProber(config);
    this.#config = config;
    this.#primaryReadsMax = primaryReadsMax;
    this.#hooks = hooks;
  }

  /** Whether this node is the primary, as far as is known. */
  get isPrimary(): boolean {
    return this.#isPrimary;
  }

  set isPrimary(value: boolean) {
    if (this.#isPrimary === value) return;
    this.#isPrimary = value;
    if (this.#reader !== undefined) this.#reader.pool.options.max = this.#readerMax(this.#reader.pool);
  }

  /** Whether the node answers its probes. When it stops to, what it was asked is asked elsewhere, or fails. */
  get answers(): boolean {
    return this.#answers;
  }

  set answers(value: boolean) {
    if (this.#answers && !value) this.#sever();
    this.#answers = value;
  }

  /** Takes a connection whose session rejects writes. */
  takeReader(done: Taken): void {
    this.#reader ??= this.#openReader();
    this.#reader.take(done);
  }

  /** Takes a connection that is proved to be on the primary. */
  takeWriter(done: Taken): void {
    this.#writer ??= this.#open(this.#config, proveWriter(this.name, this.#hooks.newestTimeline));
    this.#writer.take(done);
  }

  /** The pools that exist. */
  get pools(): readonly pg.Pool[] {
    return [this.#reader?.pool, this.#writer?.pool].filter((pool) => pool !== undefined);
  }

  /** The node is no longer the primary: nobody writes there any more. */
  async retireWriter(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer === undefined) return;
    await writer.retire(this.notPrimary());
    this.#hooks.onPoolGone(writer.pool);
  }

  /** The error of a write that this node must not get. */
  notPrimary(): ReplicationError {
    return new ReplicationError('ERR_NOT_PRIMARY', `${this.name} is no longer the primary.`);
  }

  /** How many connections the reader and the writer have. */
  get connections(): { readonly reader: PoolCounts; readonly writer: PoolCounts } {
    return { reader: countsOf(this.#reader?.pool), writer: countsOf(this.#writer?.pool) };
  }

  async close(): Promise<void> {
    this.prober.close();
    await Promise.all(this.pools.map((pool) => (pool.ending ? undefined : pool.end())));
  }

  #sever(): void {
    const error = new Error(`Connection terminated: ${this.name} does not answer.`);
    this.#reader?.sever(error);
    this.#writer?.sever(error);
  }

  #openReader(): SessionPool {
    const proof = proveReader((readOnly) => {
      if (!readOnly) this.provenReadOnly = false;
    });
    const reader = this.#open(readerConfig(this.#config), proof);
    reader.pool.options.max = this.#readerMax(reader.pool);
    return reader;
  }

  #readerMax(pool: pg.Pool): number {
    const { max = pool.options.max } = this.#config;
    return this.#isPrimary ? (this.#primaryReadsMax ?? max) : max;
  }

  #open(config: pg.PoolConfig, proof: ConstructorParameters<typeof SessionPool>[1]): SessionPool {
    const opened = new SessionPool(config, proof);
    this.#hooks.onPool(opened.pool);
    return opened;
  }
}

export interface PoolCounts {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
}

function countsOf(pool: pg.Pool | undefined): PoolCounts {
  return { total: pool?.totalCount ?? 0, idle: pool?.idleCount ?? 0, waiting: pool?.waitingCount ?? 0 };
}
