import { ClusterEvents } from '../cluster-events.js';
import type { HasReached, Position } from '../position.js';
import type { Clock, Timer } from './clock.js';
import { publishNodeChange, publishTopologyChange } from './cluster-changes.js';
import { LagHistory } from './lag-history.js';
import { hurriedPause, type MonitorSettings, NodeMonitor, type Prober } from './monitor.js';
import type { NodeDescription } from './node-description.js';
import { ReplayDelay } from './replay-delay.js';
import { emptyTopology, judgeTopology, type Topology } from './topology.js';
import { Waiters } from './waiters.js';

/** A node to watch. */
export interface Watchable {
  readonly name: string;
  readonly prober: Prober;
}

export interface WatcherOptions extends MonitorSettings {
  /** The cluster's name, for events. */
  readonly cluster: string;
  /** Where they are told. @default the channels of the process alone */
  readonly events?: ClusterEvents;
  /** The nodes that are known from the start. */
  readonly nodes: readonly Watchable[];
  /** The lag, in ms, from which on a replica is not read from. */
  readonly maxLagMs: number;
  readonly hasReached: HasReached;
  readonly clock: Clock;
  /** Called when the topology has been judged anew, before anybody who waits is told. */
  readonly onTopology: (topology: Topology, previous: Topology) => void;
}

/** The longest time that a timer of Node can wait, in ms. */
const longestTimer = 2 ** 31 - 1;

/** Watches all nodes of a cluster, and keeps the one current answer to "who is who". */
export class ClusterWatcher {
  readonly #options: WatcherOptions;
  readonly #monitors = new Map<string, NodeMonitor>();
  /** Monitors of nodes that were removed and are still in use, each with who wants to know what it sees. */
  readonly #leaving = new Map<NodeMonitor, (description: NodeDescription) => void>();
  readonly #lag: LagHistory;
  readonly #events: ClusterEvents;
  readonly #delays = new Map<string, ReplayDelay>();
  readonly #waiters: Waiters;
  #topology = emptyTopology;
  /** The node whose positions the lag is measured by. */
  #historian: string | undefined;
  #started: Promise<void> = Promise.resolve();
  #looking = false;
  #settled = false;
  #toldReadOnly = false;
  #closed = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#lag = new LagHistory(options.hasReached);
    this.#events = options.events ?? new ClusterEvents();
    this.#waiters = new Waiters(options.clock, hurriedPause(options), () => void this.checkAll());
    for (const node of options.nodes) this.#monitors.set(node.name, this.#monitor(node));
  }

  get topology(): Topology {
    return this.#topology;
  }

  /** What is known of every node. */
  get nodes(): readonly NodeDescription[] {
    return [...this.#monitors.values()].map((monitor) => monitor.description);
  }

  /** Whether every node has been looked at: what is missing then is missing for a reason. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Whether there is no primary that may be written to, although every node has been looked at. */
  get readOnly(): boolean {
    return this.#settled && this.#topology.primary === undefined;
  }

  /**
   * Begins to watch, and settles once every node has been looked at. Nodes that were slow, or whose lag could not
   * be told before the primary was seen, are looked at twice.
   *
   * @param found when the nodes to begin with are known, where they are not given; it must not reject
   */
  start(found?: Promise<void>): Promise<void> {
    this.#started = this.#begin(found).finally(() => {
      this.#settled = true;
      this.#publishReadOnly();
      this.#waiters.tell();
    });
    return this.#started;
  }

  /** Watches one more node, whose name no other has. */
  add(node: Watchable): void {
    if (this.#closed) return node.prober.close();
    const monitor = this.#monitor(node);
    this.#monitors.set(node.name, monitor);
    if (this.#looking) void this.#look([monitor]);
  }

  /**
   * Takes a node out of the cluster. It is still probed until the returned function is called, so that whoever is in
   * the middle of something there learns when it does not answer any more.
   *
   * @param onDescription told what is seen of the node from now on
   */
  remove(name: string, onDescription: (description: NodeDescription) => void): () => void {
    const monitor = this.#monitors.get(name);
    if (monitor === undefined) return () => undefined;
    this.#monitors.delete(name);
    this.#delays.delete(name);
    this.#leaving.set(monitor, onDescription);
    this.#judge();
    return () => {
      this.#leaving.delete(monitor);
      monitor.close();
    };
  }

  async #begin(found: Promise<void> | undefined): Promise<void> {
    if (found !== undefined) await found;
    this.#looking = true;
    await this.#look([...this.#monitors.values()]);
  }

  async #look(monitors: readonly NodeMonitor[]): Promise<void> {
    await Promise.all(monitors.map((monitor) => monitor.check()));
    const unclear = monitors.filter(
      ({ description: { state, position, lagMs } }) =>
        state === 'connecting' || (position !== undefined && lagMs === undefined),
    );
    await Promise.all(unclear.map((monitor) => monitor.check()));
  }

  /** Probes all nodes now. */
  async checkAll(): Promise<void> {
    await Promise.all([...this.#monitors.values()].map((monitor) => monitor.check()));
  }

  /** Somebody has seen the primary at a position, besides its monitor. */
  noteWritten(node: string, position: Position): void {
    if (node === this.#historian) this.#lag.record(position, this.#options.clock.now());
  }

  /**
   * Somebody has seen how far a replica has replayed, besides its monitor.
   *
   * @param tookMs how long the answer took
   */
  noteReplayed(node: string, position: Position, tookMs: number): void {
    const now = this.#options.clock.now();
    this.#delays.get(node)?.learn(this.#lag.delayOf(position, now - tookMs, now), now);
  }

  /**
   * The replicas that may have replayed a position by now, although that is not known of them: going by how long
   * they took before. It is no use to ask the others.
   *
   * @param replicas from which to take them
   */
  worthALook<R extends { readonly name: string }>(replicas: readonly R[], position: Position): readonly R[] {
    const now = this.#options.clock.now();
    const ageMs = this.#lag.ageOf(position, now);
    return replicas.filter(({ name }) => this.#delays.get(name)?.isWorthALook(ageMs, now) === true);
  }

  /**
   * A statement on this node has failed in a way that a dead node would explain.
   *
   * @param renewed whether new connections fail, while the monitor's own may live on
   */
  suspect(node: string, renewed = false): Promise<void> {
    return this.#monitors.get(node)?.suspect(renewed) ?? Promise.resolve();
  }

  /** Statements on this node get no answer, which may be their own fault. */
  doubt(node: string): void {
    this.#monitors.get(node)?.doubt();
  }

  /**
   * Waits until a question has an answer.
   *
   * @param look asks the question: undefined means "not yet"; it is asked again whenever something changes
   * @param ms how long to wait, besides the first look at every node; the process is kept alive meanwhile
   * @param mostMs how long to wait with the first look. @default as long as it takes
   * @returns the answer, or undefined when time is up or the watcher was closed
   */
  async waitFor<T>(
    look: () => T | undefined,
    ms: number,
    mostMs: number = Number.POSITIVE_INFINITY,
  ): Promise<T | undefined> {
    const found = look();
    if (found !== undefined) return found;
    const { clock } = this.#options;
    const began = clock.now();
    if (!this.#settled) await this.#holdUntilStarted(mostMs);
    const left = Math.min(ms, mostMs - (clock.now() - began));
    return look() ?? (left > 0 ? this.#waiters.wait(look, left) : undefined);
  }

  /** Probes do not keep the process alive, so whoever waits for one does. */
  async #holdUntilStarted(ms: number): Promise<void> {
    let hold: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      hold = this.#options.clock.after(Math.min(ms, longestTimer), resolve, true);
    });
    await Promise.race([this.#started, late]);
    hold?.clear();
  }

  close(): void {
    this.#closed = true;
    for (const monitor of [...this.#monitors.values(), ...this.#leaving.keys()]) monitor.close();
    this.#waiters.close();
  }

  #monitor({ name, prober }: Watchable): NodeMonitor {
    const { clock } = this.#options;
    const monitor: NodeMonitor = new NodeMonitor(name, prober, this.#options, clock, {
      judgeLag: (seen) => this.#judgeLag(seen),
      onDescription: (next, previous) => {
        const leaving = this.#leaving.get(monitor);
        if (leaving === undefined) this.#judge(next, previous);
        else leaving(next);
      },
    });
    this.#delays.set(name, new ReplayDelay());
    return monitor;
  }

  #judgeLag({ role, position }: Pick<NodeDescription, 'role' | 'position'>): {
    lagMs: number | undefined;
    lagging: boolean;
  } {
    if (role === 'primary') return { lagMs: 0, lagging: false };
    const present = this.#options.clock.now();
    // While there is no primary, nobody falls further behind: what it had last may never arrive.
    const now = this.#topology.primary === undefined ? (this.#lag.lastSeenAt ?? present) : present;
    const lagMs = position === undefined ? undefined : this.#lag.lagOf(position, now);
    return { lagMs, lagging: lagMs !== undefined && lagMs > this.#options.maxLagMs };
  }

  /** Judges the cluster anew: a node has been looked at, or one has left. */
  #judge(next?: NodeDescription, previous?: NodeDescription): void {
    const before = this.#topology;
    this.#topology = judgeTopology(before, this.nodes);
    const { primary } = this.#topology;
    if (primary !== undefined && primary.node !== this.#historian) {
      // Another node's history begins. One that was only away for a moment goes on with its own.
      this.#lag.clear();
      for (const delay of this.#delays.values()) delay.forget();
      this.#historian = primary.node;
    }
    if (primary !== undefined && primary.node === next?.node && next.position !== undefined) {
      this.#lag.record(next.position, next.observedAt ?? this.#options.clock.now());
    }
    if (next?.role === 'replica' && next.position !== undefined && next.observedAt !== previous?.observedAt) {
      this.noteReplayed(next.node, next.position, next.roundTripMs ?? 0);
    }
    this.#options.onTopology(this.#topology, before);
    const { cluster } = this.#options;
    if (next !== undefined && previous !== undefined)
      publishNodeChange(this.#events, cluster, next, previous);
    publishTopologyChange(this.#events, cluster, this.#topology, before);
    this.#publishReadOnly();
    this.#waiters.tell();
    // Who is it now?
    if (primary === undefined && before.primary !== undefined) void this.checkAll();
  }

  #publishReadOnly(): void {
    const { readOnly } = this;
    if (readOnly === this.#toldReadOnly || this.#closed) return;
    this.#toldReadOnly = readOnly;
    this.#events.publish('read-only-changed', { cluster: this.#options.cluster, readOnly });
  }
}
