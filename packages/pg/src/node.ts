import type { Balanced, Position } from '@node-replicated/core/cluster';
import type pg from 'pg';
import type { NodeSettings } from './options.js';
import { PgProber } from './probe.js';
import { createReaderPool, createWriterPool } from './session-pool.js';

/** What a node needs from its pool. */
export interface NodeHooks {
  /** The highest timeline ever seen in the cluster. */
  readonly newestTimeline: () => number;
  /** A pool of connections was made: whoever counts or listens wants to know. */
  readonly onPool: (pool: pg.Pool) => void;
}

/** One database server and its two pools. */
export class PgNode implements Balanced {
  readonly name: string;
  readonly prober: PgProber;
  /** Whether statements may be sent there to read. Kept up to date by the cluster's watcher. */
  readable = false;
  /** Whether this node is the primary, as far as is known. */
  isPrimary = false;
  /** How far it has replayed, by its last probe. */
  replayed: Position | undefined;
  /** Statements and leases that its readers are working on. */
  busy = 0;
  /** Whether its readers' sessions proved to be read-only; false where a pooler drops the setting. */
  provenReadOnly = true;

  readonly #config: pg.PoolConfig;
  readonly #primaryReadsMax: number | undefined;
  readonly #hooks: NodeHooks;
  #reader: pg.Pool | undefined;
  #writer: pg.Pool | undefined;

  constructor({ name, config }: NodeSettings, primaryReadsMax: number | undefined, hooks: NodeHooks) {
    this.name = name;
    this.prober = new PgProber(config);
    this.#config = config;
    this.#primaryReadsMax = primaryReadsMax;
    this.#hooks = hooks;
  }

  /** Sessions that reject writes. */
  get reader(): pg.Pool {
    this.#reader ??= this.#open(createReaderPool(this.#readerConfig(), this.#onProof));
    return this.#reader;
  }

  /** Sessions that are proved to be on the primary. */
  get writer(): pg.Pool {
    this.#writer ??= this.#open(createWriterPool(this.name, this.#config, this.#hooks.newestTimeline));
    return this.#writer;
  }

  /** The pools that exist. */
  get pools(): readonly pg.Pool[] {
    return [this.#reader, this.#writer].filter((pool) => pool !== undefined);
  }

  /** The node is no longer the primary: its writers close as soon as nobody uses them. */
  async closeWriter(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.end();
  }

  /** How many connections the reader and the writer have. */
  get connections(): { readonly reader: PoolCounts; readonly writer: PoolCounts } {
    return { reader: countsOf(this.#reader), writer: countsOf(this.#writer) };
  }

  async close(): Promise<void> {
    this.prober.close();
    await Promise.all(this.pools.map((pool) => (pool.ending ? undefined : pool.end())));
  }

  #readerConfig(): pg.PoolConfig {
    if (!this.isPrimary || this.#primaryReadsMax === undefined) return this.#config;
    return { ...this.#config, password: this.#config.password, max: this.#primaryReadsMax };
  }

  #open(pool: pg.Pool): pg.Pool {
    this.#hooks.onPool(pool);
    return pool;
  }

  readonly #onProof = (readOnly: boolean): void => {
    this.provenReadOnly = readOnly;
  };
}

export interface PoolCounts {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
}

function countsOf(pool: pg.Pool | undefined): PoolCounts {
  return { total: pool?.totalCount ?? 0, idle: pool?.idleCount ?? 0, waiting: pool?.waitingCount ?? 0 };
}
