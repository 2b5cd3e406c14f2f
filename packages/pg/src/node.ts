import { ReplicationError } from '@node-replicated/core';
import {
  type Balanced,
  type NodeDescription,
  type Position,
  type Selectable,
  SharedTask,
  systemClock,
  type Timer,
} from '@node-replicated/core/cluster';
import type pg from 'pg';
import { Door } from './door.js';
import { hasReached } from './lsn.js';
import { nodeFailure } from './node-failure.js';
import type { NodeSettings, PoolSettings } from './options.js';
import { PgProber } from './probe.js';
import { type Doorkeeper, SessionPool, type Taken } from './session-pool.js';
import { proveReader, proveWriter, readerConfig } from './session-proof.js';

/** What a node needs from its pool. */
export interface NodeHooks {
  /** The highest timeline ever seen in the cluster. */
  readonly newestTimeline: () => number;
  /** A pool of connections was made: whoever counts or listens wants to know. */
  readonly onPool: (pool: pg.Pool) => void;
  readonly onPoolGone: (pool: pg.Pool) => void;
  /** Its readers have been asked something, and nothing has been answered for a while. */
  readonly onSilence: (node: string) => void;
  /** It lets nobody in. Told once until it has let somebody in again. */
  readonly onRejected: (node: string, error: Error) => void;
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
  /** Connections whose statement cannot run again elsewhere, because its rows go straight to the user. */
  readonly streaming: WeakSet<pg.ClientBase> = new WeakSet<pg.ClientBase>();
  /** Whether its readers' sessions proved to be read-only; false where a pooler drops the setting. */
  provenReadOnly = true;

  readonly #config: pg.PoolConfig;
  readonly #primaryReadsMax: number | undefined;
  readonly #settings: PoolSettings;
  readonly #hooks: NodeHooks;
  readonly #door = new Door();
  readonly #doorkeeper: Doorkeeper;
  readonly #shown: SharedTask<Position | undefined>;
  #description: NodeDescription | undefined;
  #isPrimary = false;
  #reader: SessionPool | undefined;
  #writer: SessionPool | undefined;
  /** Pools that nobody takes a connection from any more, until the last one has come back. */
  readonly #retired = new Set<SessionPool>();
  #toldRejected = false;
  #busy = 0;
  #answers = 0;
  #silences = 0;
  #listening: Timer | undefined;

  constructor({ name, config }: NodeSettings, settings: PoolSettings, hooks: NodeHooks) {
    this.name = name;
    this.prober = new PgProber(config);
    this.#config = config;
    this.#primaryReadsMax = settings.primaryReadsMax;
    this.#settings = settings;
    this.#hooks = hooks;
    this.#doorkeeper = {
      refusal: () => this.#door.refusal(systemClock.now()),
      onTried: (error) => this.#passDoor(error),
    };
    this.#shown = new SharedTask(() => this.#askShown(settings.probeTimeoutMs));
  }

  /** Statements and leases that its readers are working on. */
  get busy(): number {
    return this.#busy;
  }

  set busy(value: number) {
    if (value < this.#busy) this.#answers += 1;
    this.#busy = value;
    if (value > 0) this.#listen();
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
   * Takes over what was seen of the node.
   *
   * When it stops to answer, what it was asked is asked elsewhere, or fails; while that is only feared, what can be
   * asked elsewhere is. When it only lets nobody in any more, what it was asked goes on.
   */
  observe(description: NodeDescription): void {
    const before = this.#description;
    if (description === before) return;
    this.#description = description;
    this.replayed = description.position;
    this.lagMs = description.lagMs;
    const { state, failure, failures } = description;
    if (failure === 'rejected' && description.error !== undefined) this.#tellRejected(description.error);
    if (failure === undefined && (before?.failure === 'rejected' || before?.failure === 'full'))
      this.#letIn();
    if (state === 'down' && before?.state !== 'down') {
      if (failure === 'rejected' || failure === 'not-ready') this.#letGo();
      else this.#sever();
    } else if (
      failure === 'no-answer' &&
      failures === 1 &&
      description.role === 'replica' &&
      !this.readable
    ) {
      this.#severFree();
    }
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
    const all = [this.#reader, this.#writer, ...this.#retired];
    return all.filter((pool) => pool !== undefined).map(({ pool }) => pool);
  }

  /** The node is no longer the primary: nobody writes there any more. */
  async retireWriter(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await this.#retire(writer, this.notPrimary());
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
    this.#listening?.clear();
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
    const error = this.#noAnswer();
    for (const pool of [this.#reader, this.#writer, ...this.#retired]) pool?.sever(error);
  }

  /** Cuts the connections whose statements can run elsewhere: those outside a transaction. */
  #severFree(): void {
    this.#reader?.sever(this.#noAnswer(), (client) => {
      const status = client.getTransactionStatus();
      return (status === 'I' || status === null) && !this.streaming.has(client);
    });
  }

  #noAnswer(): Error {
    return new Error(`Connection terminated: ${this.name} does not answer.`);
  }

  /** It takes nobody new: what is under way goes on, and its connections are closed after that. */
  #letGo(): void {
    const error = this.#description?.error ?? this.#noAnswer();
    const pools = [this.#reader, this.#writer];
    this.#reader = undefined;
    this.#writer = undefined;
    for (const pool of pools) void this.#retire(pool, error);
  }

  async #retire(pool: SessionPool | undefined, error: Error): Promise<void> {
    if (pool === undefined) return;
    this.#retired.add(pool);
    await pool.retire(error);
    this.#retired.delete(pool);
    this.#hooks.onPoolGone(pool.pool);
  }

  #passDoor(error: Error | undefined): void {
    const failure = error === undefined ? undefined : nodeFailure(error);
    if (error === undefined) return this.#letIn();
    if (failure !== 'rejected' && failure !== 'full') return this.#door.open();
    const { probeIntervalMs, downtimeMs } = this.#settings;
    const pause = (failure === 'full' ? probeIntervalMs : downtimeMs) * (0.9 + 0.2 * systemClock.random());
    this.#door.close(error, systemClock.now() + pause);
    if (failure === 'rejected') this.#tellRejected(error);
  }

  #letIn(): void {
    this.#door.open();
    this.#toldRejected = false;
  }

  /** Probes and statements may meet the same rejection. */
  #tellRejected(error: Error): void {
    if (this.#toldRejected) return;
    this.#toldRejected = true;
    this.#hooks.onRejected(this.name, error);
  }

  /** While its readers work, notes whether anything is answered; the longer nothing is, the less often. */
  #listen(): void {
    if (this.#listening !== undefined) return;
    const { probeIntervalMs, probeTimeoutMs } = this.#settings;
    const answers = this.#answers;
    const pause = Math.min((probeTimeoutMs / 4) * 2 ** this.#silences, probeIntervalMs);
    this.#listening = systemClock.after(pause, () => {
      this.#listening = undefined;
      if (this.#busy === 0) return;
      const isSilent = this.#answers === answers;
      this.#silences = isSilent ? Math.min(this.#silences + 1, 20) : 0;
      if (isSilent) this.#hooks.onSilence(this.name);
      this.#listen();
    });
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
    const opened = new SessionPool(config, proof, this.#doorkeeper);
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
