import { ReplicationError } from '@node-replicated/core';
import {
  type Balanced,
  type NodeDescription,
  type Position,
  type Selectable,
  SharedTask,
} from '@node-replicated/core/cluster';
import type pg from 'pg';
import { hasReached } from './lsn.js';
import type { NodeSettings, PoolSettings } from './options.js';
import { PgProber } from './probe.js';
import { SessionPool, type Taken } from './session-pool.js';
import { proveReader, proveWriter, readerConfig } from './session-proof.js';
import type { World } from './world.js';

/** What a node needs from its pool. */
export interface NodeHooks {
  /** The highest timeline ever seen in the cluster. */
  readonly newestTimeline: () => number;
  /** A pool of connections was made: whoever counts or listens wants to know. */
  readonly onPool: (pool: pg.Pool) => void;
  readonly onPoolGone: (pool: pg.Pool) => void;
  readonly world: World;
}

/** One database server and its two pools. */
export class PgNode implements Balanced, Selectable {
  readonly name: string;
  readonly prober: PgProber;
  /** Whether statements may be sent there to read. Kept up to date by the cluster's watcher. */
  readable = false;
  /** How far it has surely replayed. */
  replayed: Position | undefined;
  lagMs: number | undefined;
  /** Statements and leases that its readers are working on. */
  busy = 0;
  /** Whether its readers' sessions proved to be read-only; false where a pooler drops the setting. */
  provenReadOnly = true;

  readonly #config: pg.PoolConfig;
  readonly #primaryReadsMax: number | undefined;
  readonly #hooks: NodeHooks;
  readonly #shown: SharedTask<Position | undefined>;
  #description: NodeDescription | undefined;
  #isPrimary = false;
  #reader: SessionPool | undefined;
  #writer: SessionPool | undefined;

  constructor({ name, config }: NodeSettings, settings: PoolSettings, hooks: NodeHooks) {
    this.name = name;
    this.prober = new PgProber(config, hooks.world);
    this.#config = config;
    this.#primaryReadsMax = settings.primaryReadsMax;
    this.#hooks = hooks;
    this.#shown = new SharedTask(() => this.#askShown(settings.probeTimeoutMs));
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

  /**
   * Takes over what was seen of the node. When it stops to answer its probes, what it was asked is asked elsewhere,
   * or fails.
   */
  observe(description: NodeDescription): void {
    if (description === this.#description) return;
    const answered = this.#description?.state !== 'down';
    this.#description = description;
    this.replayed = description.position;
    this.lagMs = description.lagMs;
    if (answered && description.state === 'down') this.#sever();
  }

  /** A position at or after everything that the node has shown by now: asked once for all who wait. */
  shownPosition(): Promise<Position | undefined> {
    return this.#shown.ask();
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

  async #askShown(ms: number): Promise<Position | undefined> {
    const before = this.#description;
    const position = await this.prober.shownPosition(ms);
    const isNews =
      position !== undefined && this.replayed !== undefined && hasReached(position, this.replayed);
    if (isNews && this.#description === before) this.replayed = position;
    return position;
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
