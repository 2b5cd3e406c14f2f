import { ReplicationError } from '@node-replicated/core';
import {
  averageLatency,
  type Balanced,
  type LatencyAverage,
  type NodeDescription,
  type Position,
  type Selectable,
} from '@node-replicated/core/cluster';
import type pg from 'pg';
import { NodeDoor } from './node-door.js';
import type { NodeSettings } from './node-options.js';
import { NodePools, type PoolCounts } from './node-pools.js';
import { NodeProgress } from './node-progress.js';
import type { Proof } from './open-client.js';
import type { PoolSettings } from './options.js';
import type { Taker } from './pool-connection.js';
import type { PoolEvents } from './pool-events.js';
import { maxOf } from './pool-limits.js';
import { PrimaryReads } from './primary-reads.js';
import type { PrimaryReadsSettings } from './primary-reads-options.js';
import { PgProber } from './probe.js';
import { SessionPool } from './session-pool.js';
import { proveReader, proveWriter, readerConfig } from './session-proof.js';
import { Silence } from './silence.js';
import type { World } from './world.js';

/** What a node needs from its pool. */
export interface NodeHooks {
  /** The highest timeline ever seen in the cluster. */
  readonly newestTimeline: () => number;
  /** A read was refused because the node, as the primary, has enough of them. */
  readonly onOverloaded: (node: string) => void;
  /** A look that took so many ms has shown how far a node has replayed. */
  readonly onReplayed: (node: string, position: Position, tookMs: number) => void;
  /** Its readers have been asked something, and nothing has been answered for a while. */
  readonly onSilence: (node: string) => void;
  /** It lets nobody in. Told once until it has let somebody in again. */
  readonly onRejected: (node: string, error: Error) => void;
  /** Somebody has left a transaction open on one of its connections. */
  readonly onDirtyRelease: (node: string) => void;
  /** Told of its connections. */
  readonly events: PoolEvents;
  readonly world: World;
}

/** One database server and its two pools. */
export class PgNode implements Balanced, Selectable {
  readonly name: string;
  readonly settings: NodeSettings;
  readonly prober: PgProber;
  lagMs: number | undefined;
  readonly weight: number;
  readonly zone: string | undefined;
  readonly capacity: number;
  backSince: number | undefined;
  /** Connections whose statement cannot run again elsewhere, because its rows go straight to the user. */
  readonly streaming: WeakSet<pg.ClientBase> = new WeakSet<pg.ClientBase>();
  /** Tells that a transaction was left open on one of its connections. */
  readonly reportDirty: () => void;
  /** Whether its readers' sessions proved to be read-only; false where a pooler drops the setting. */
  provenReadOnly = true;

  readonly #config: pg.PoolConfig;
  readonly #writerConfig: pg.PoolConfig;
  readonly #primaryReadsSettings: PrimaryReadsSettings;
  readonly #hooks: NodeHooks;
  readonly #door: NodeDoor;
  readonly #silence: Silence;
  readonly #progress: NodeProgress;
  #description: NodeDescription | undefined;
  #isPrimary = false;
  #readable = false;
  #latency: LatencyAverage | undefined;
  #primaryReads: PrimaryReads | undefined;
  readonly #pools: NodePools;
  #hasLeft = false;
  #isDown = false;

  constructor(own: NodeSettings, settings: PoolSettings, hooks: NodeHooks) {
    const { name, weight, zone, config, address } = own;
    this.name = name;
    this.settings = own;
    this.weight = weight;
    this.zone = zone;
    this.capacity = maxOf(config);
    this.prober = new PgProber(config, hooks.world);
    this.#config = config;
    this.#writerConfig = ownClientConfig(config, address);
    this.#primaryReadsSettings = settings.primaryReads;
    this.#hooks = hooks;
    this.reportDirty = () => hooks.onDirtyRelease(name);
    const { clock } = hooks.world;
    this.#door = new NodeDoor(settings, clock, (error) => hooks.onRejected(name, error));
    this.#silence = new Silence(settings, clock, () => hooks.onSilence(name));
    this.#pools = new NodePools({
      openReader: () => this.#openReader(),
      openWriter: () => this.#open(this.#writerConfig, proveWriter(name, hooks.newestTimeline)),
    });
    this.#progress = new NodeProgress({
      prober: this.prober,
      clock,
      timeoutMs: settings.probeTimeoutMs,
      onReplayed: (position, tookMs) => hooks.onReplayed(name, position, tookMs),
    });
  }

  /** Statements and leases that its readers are working on. */
  get busy(): number {
    return this.#silence.busy;
  }

  set busy(value: number) {
    this.#silence.busy = value;
  }

  /** How long it takes to answer a probe, on an average. */
  get latencyMs(): number | undefined {
    return this.#latency?.ms;
  }

  /** Whether statements may be sent there to read, as the cluster's watcher sees it. */
  get readable(): boolean {
    return this.#readable;
  }

  /** @param now when this is; undefined before every node was looked at: there is nothing to come back from then */
  setReadable(readable: boolean, now: number | undefined): void {
    // One that had only missed a probe has not been away.
    const wasDoubted = this.#description?.state === 'up' && this.#description.failures > 0;
    if (readable && !this.#readable && !wasDoubted) this.backSince = now;
    this.#readable = readable;
  }

  /** Whether this node is the primary, as far as is known. */
  get isPrimary(): boolean {
    return this.#isPrimary;
  }

  set isPrimary(value: boolean) {
    if (this.#isPrimary === value) return;
    this.#isPrimary = value;
    const reader = this.#pools.opened;
    if (reader !== undefined) reader.max = this.#readerMax();
  }

  /**
   * Takes over what was seen of the node.
   *
   * When it stops to answer, what it was asked is asked elsewhere, or fails; while that is only feared, what can be
   * asked elsewhere is. When it only lets nobody in any more, what it was asked goes on. Where nobody has ever
   * listened, each attempt to connect fails by itself.
   *
   * @returns whether it was not known yet that it does not answer
   */
  observe(description: NodeDescription): boolean {
    const before = this.#description;
    if (description === before) return false;
    this.#description = description;
    this.#progress.observe(description);
    this.#take(description);
    const { state, role, failure, failures, error, observedAt } = description;
    if (failure === 'rejected' && error !== undefined) this.#door.reject(error);
    const wasShut = before?.failure === 'rejected' || before?.failure === 'full';
    if (failure === undefined && wasShut) this.#door.letIn();
    if (state === 'down' && before?.state !== 'down') {
      if (failure === 'rejected' || failure === 'not-ready') this.#letGo();
      else if (observedAt !== undefined || failure !== 'unreachable') this.#pools.sever(this.#noAnswer());
    } else if (failure === 'no-answer' && failures === 1 && role === 'replica' && !this.#readable) {
      this.#pools.severFree(this.#noAnswer(), (client) => this.streaming.has(client));
    }
    if (state === 'connecting') return false;
    const isNews = state === 'down' && !this.#isDown;
    this.#isDown = state === 'down';
    return isNews;
  }

  /** How far it has surely replayed. */
  get replayed(): Position | undefined {
    return this.#progress.replayed;
  }

  /** Whether the node can be asked how far it has replayed. */
  get tellsReplayed(): boolean {
    return this.#progress.tells;
  }

  /**
   * Looks how far the node has replayed.
   *
   * @param ms how long to wait for an answer
   */
  look(ms: number): Promise<void> {
    return this.#progress.look(ms);
  }

  /** A position at or after everything that the node has shown by now: asked once for all who wait. */
  shownPosition(): Promise<Position | undefined> {
    return this.#progress.shown();
  }

  /**
   * Takes a connection whose session rejects writes. On the primary, where more want one than there are, it waits.
   *
   * @param goElsewhere asked while it waits there, whenever something is seen anew: true when the read goes another
   *   way, and then nothing is told any more
   */
  takeReader(taker: Taker, goElsewhere?: () => boolean): void {
    if (this.#hasLeft) return taker.onRefused(this.#departure());
    const { reader } = this.#pools;
    if (!this.#isPrimary) return reader.take(taker);
    this.#primaryReads ??= this.#openPrimaryReads();
    this.#primaryReads.take(reader, taker, goElsewhere);
  }

  /** Something was seen anew: reads that wait for this node because it is the primary may go elsewhere. */
  reconsiderReads(): void {
    this.#primaryReads?.reconsider();
  }

  /** How many reads wait because this node is the primary, before they reach its reader. */
  get waitingReads(): number {
    return this.#primaryReads?.waiting ?? 0;
  }

  /** Takes a connection that is proved to be on the primary. */
  takeWriter(taker: Taker): void {
    if (this.#hasLeft) return taker.onRefused(this.notPrimary());
    this.#pools.writer.take(taker);
  }

  /** The pools that exist. */
  get pools(): readonly SessionPool[] {
    return this.#pools.all;
  }

  /** The node is no longer the primary: nobody writes there any more. */
  retireWriter(): Promise<void> {
    return this.#pools.retireWriter(this.notPrimary());
  }

  /**
   * Another node has become the primary: what this one would acknowledge from now on may be lost, so nothing that is
   * under way here is waited for.
   */
  abandonWrites(): void {
    this.#pools.severFormerWriters(this.notPrimary());
  }

  /** Whether the node is no longer one of the cluster. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /**
   * The node has left the cluster: nothing new is sent there, and what is under way goes on to its end. It settles
   * when that has come and all connections are closed.
   */
  async leave(): Promise<void> {
    this.#hasLeft = true;
    this.#readable = false;
    void this.#pools.retireReader(this.#departure());
    void this.retireWriter();
    await this.#pools.whenRetired();
  }

  /** The error of a write that this node must not get. */
  notPrimary(): ReplicationError {
    return new ReplicationError('ERR_NOT_PRIMARY', `${this.name} is no longer the primary.`);
  }

  /** How many connections the reader and the writer have. */
  get connections(): { readonly reader: PoolCounts; readonly writer: PoolCounts } {
    const { reader, writer } = this.#pools.counts;
    return { reader: { ...reader, waiting: reader.waiting + this.waitingReads }, writer };
  }

  async close(): Promise<void> {
    this.prober.close();
    this.#silence.close();
    await this.#pools.close();
  }

  #take({ observedAt, lagMs, roundTripMs }: NodeDescription): void {
    this.lagMs = lagMs;
    if (roundTripMs !== undefined && observedAt !== undefined && observedAt !== this.#latency?.at) {
      this.#latency = averageLatency(this.#latency, roundTripMs, observedAt);
    }
  }

  /** In the words of a connection that is lost, since a read may as well run elsewhere. */
  #departure(): Error {
    return new Error(`Connection terminated: ${this.name} is no longer a node of the cluster.`);
  }

  #noAnswer(): Error {
    return new Error(`Connection terminated: ${this.name} does not answer.`);
  }

  /** It takes nobody new: what is under way goes on, and its connections are closed after that. */
  #letGo(): void {
    const error = this.#description?.error ?? this.#noAnswer();
    void this.#pools.retireReader(error);
    void this.#pools.retireWriter(error);
  }

  #openReader(): SessionPool {
    const proof = proveReader((readOnly) => {
      if (!readOnly) this.provenReadOnly = false;
    });
    const reader = this.#open(readerConfig(this.#config), proof);
    reader.max = this.#readerMax();
    return reader;
  }

  #openPrimaryReads(): PrimaryReads {
    const limits = { ...this.#primaryReadsSettings, max: this.#readerMax() };
    return new PrimaryReads(this.name, limits, this.#hooks.world.clock, () =>
      this.#hooks.onOverloaded(this.name),
    );
  }

  #readerMax(): number {
    return this.#isPrimary ? (this.#primaryReadsSettings.max ?? this.capacity) : this.capacity;
  }

  #open(config: pg.PoolConfig, prove: Proof): SessionPool {
    const { events, world } = this.#hooks;
    return new SessionPool({ config, prove, doorkeeper: this.#door, events, clock: world.clock });
  }
}

/** What an application's own class of clients is made with: it may look for the address as it was given. */
function ownClientConfig(config: pg.PoolConfig, address: string | undefined): pg.PoolConfig {
  if (config.Client === undefined || address === undefined) return config;
  return { ...config, password: config.password, connectionString: address };
}
