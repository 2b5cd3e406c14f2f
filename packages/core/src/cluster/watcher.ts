import { publish } from '../events.js';
import type { HasReached } from '../position.js';
import type { Clock, Timer } from './clock.js';
import { LagHistory } from './lag-history.js';
import { hurriedPause, type MonitorSettings, NodeMonitor, type Prober } from './monitor.js';
import type { NodeDescription } from './node-description.js';
import { emptyTopology, judgeTopology, type Topology } from './topology.js';

export interface WatcherOptions extends MonitorSettings {
  /** The cluster's name, for events. */
  readonly cluster: string;
  readonly nodes: readonly { readonly name: string; readonly prober: Prober }[];
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
  readonly #monitors: ReadonlyMap<string, NodeMonitor>;
  readonly #lag: LagHistory;
  readonly #waiting = new Set<() => void>();
  #hurrying: Timer | undefined;
  #topology = emptyTopology;
  /** The node whose positions the lag is measured by. */
  #historian: string | undefined;
  #started: Promise<void> = Promise.resolve();
  #settled = false;
  #closed = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#lag = new LagHistory(options.hasReached);
    const hooks = {
      judgeLag: (seen: Pick<NodeDescription, 'role' | 'position'>) => this.#judgeLag(seen),
      onDescription: (next: NodeDescription, previous: NodeDescription) =>
        this.#onDescription(next, previous),
    };
    this.#monitors = new Map(
      options.nodes.map(({ name, prober }) => [
        name,
        new NodeMonitor(name, prober, options, options.clock, hooks),
      ]),
    );
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

  /** Begins to watch, and settles once every node has been looked at. Nodes that were slow, or whose lag could not be told before the primary was seen, are looked at twice. */
  start(): Promise<void> {
    this.#started = this.#look().finally(() => {
      this.#settled = true;
      this.#tellWaiting();
    });
    return this.#started;
  }

  async #look(): Promise<void> {
    await this.checkAll();
    const unclear = this.nodes.filter(
      ({ state, position, lagMs }) =>
        state === 'connecting' || (position !== undefined && lagMs === undefined),
    );
    await Promise.all(unclear.map(({ node }) => this.#monitors.get(node)?.check()));
  }

  /** Probes all nodes now. */
  async checkAll(): Promise<void> {
    await Promise.all([...this.#monitors.values()].map((monitor) => monitor.check()));
  }

  /**
   * Probes a node now, unless it was seen a moment ago.
   *
   * @param freshMs how long ago that may be, in ms
   */
  refresh(node: string, freshMs: number): Promise<void> {
    const monitor = this.#monitors.get(node);
    if (monitor === undefined) return Promise.resolve();
    const { observedAt = Number.NEGATIVE_INFINITY } = monitor.description;
    return this.#options.clock.now() - observedAt < freshMs ? Promise.resolve() : monitor.check();
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
    const began = performance.now();
    if (!this.#settled) await this.#holdUntilStarted(mostMs);
    const left = Math.min(ms, mostMs - (performance.now() - began));
    return look() ?? (left > 0 && !this.#closed ? this.#wait(look, left) : undefined);
  }

  /** Probes do not keep the process alive, so whoever waits for one does. */
  async #holdUntilStarted(ms: number): Promise<void> {
    let hold: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      hold = setTimeout(resolve, Math.min(ms, longestTimer));
    });
    await Promise.race([this.#started, late]);
    clearTimeout(hold);
  }

  #wait<T>(look: () => T | undefined, ms: number): Promise<T | undefined> {
    return new Promise((resolve) => {
      const finish = (answer: T | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(ask);
        resolve(answer);
      };
      const ask = (): void => {
        const answer = look();
        if (answer !== undefined || this.#closed) finish(answer);
      };
      const timer = setTimeout(() => finish(look()), ms);
      this.#waiting.add(ask);
      this.#hurry();
    });
  }

  /** While somebody waits, nodes are looked at again and again, however long a pause they have before them. */
  #hurry(): void {
    this.#hurrying ??= this.#options.clock.after(hurriedPause(this.#options), () => {
      this.#hurrying = undefined;
      if (this.#waiting.size === 0 || this.#closed) return;
      void this.checkAll();
      this.#hurry();
    });
  }

  close(): void {
    this.#closed = true;
    this.#hurrying?.clear();
    for (const monitor of this.#monitors.values()) monitor.close();
    this.#tellWaiting();
  }

  #judgeLag({ role, position }: Pick<NodeDescription, 'role' | 'position'>): {
    lagMs: number | undefined;
    lagging: boolean;
  } {
    const now = this.#options.clock.now();
    if (role === 'primary') return { lagMs: 0, lagging: false };
    const lagMs = position === undefined ? undefined : this.#lag.lagOf(position, now);
    return { lagMs, lagging: lagMs !== undefined && lagMs > this.#options.maxLagMs };
  }

  #onDescription(next: NodeDescription, previous: NodeDescription): void {
    const before = this.#topology;
    this.#topology = judgeTopology(before, this.nodes);
    const { primary } = this.#topology;
    if (primary !== undefined && primary.node !== this.#historian) {
      // Another node's history begins. One that was only away for a moment goes on with its own.
      this.#lag.clear();
      this.#historian = primary.node;
    }
    if (primary?.node === next.node && next.position !== undefined && next !== previous) {
      this.#lag.record(next.position, next.observedAt ?? this.#options.clock.now());
    }
    this.#options.onTopology(this.#topology, before);
    this.#publishChanges(next, previous, before);
    this.#tellWaiting();
    // Who is it now?
    if (primary === undefined && before.primary !== undefined) void this.checkAll();
  }

  #publishChanges(next: NodeDescription, previous: NodeDescription, before: Topology): void {
    const { cluster } = this.#options;
    const { primary, splitBrain, fenced } = this.#topology;
    if (next.state !== previous.state || next.role !== previous.role) {
      const { node, role, error } = next;
      publish('node-changed', {
        cluster,
        node,
        from: previous.state,
        to: next.state,
        role,
        error: error?.message,
      });
    }
    if (primary?.node !== before.primary?.node) {
      publish('primary-changed', { cluster, from: before.primary?.node, to: primary?.node });
    }
    for (const { node, timeline } of fenced) {
      if (before.fenced.some((former) => former.node === node)) continue;
      publish('primary-fenced', { cluster, node, timeline, newest: this.#topology.timeline });
    }
    if (splitBrain.length > 0 && before.splitBrain.length === 0) {
      publish('split-brain', { cluster, nodes: splitBrain.map(({ node }) => node) });
    }
  }

  #tellWaiting(): void {
    for (const ask of [...this.#waiting]) ask();
  }
}
