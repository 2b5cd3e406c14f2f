import { ReplicationError } from '@node-replicated/core';
import {
  type Cluster,
  type Decision,
  publish,
  registerCluster,
  requiresPosition,
} from '@node-replicated/core/adapter';
import {
  ClusterWatcher,
  createBalancer,
  type HasReached,
  type NodeDescription,
  type Position,
  SharedTask,
  systemClock,
  type Topology,
} from '@node-replicated/core/cluster';
import type pg from 'pg';
import { hasReached } from './lsn.js';
import { PgNode } from './node.js';
import { nodeFailure } from './node-failure.js';
import type { PoolSettings } from './options.js';
import type { PoolEvents } from './pool-events.js';
import { ReaderChoice } from './reader-choice.js';

/** The nodes of one cluster, who of them is what, and which one serves next. */
export class PgCluster implements Cluster {
  readonly name: string;
  readonly settings: PoolSettings;
  readonly hasReached: HasReached = hasReached;
  /** Chooses which node serves a read. */
  readonly readers: ReaderChoice;
  readonly #nodes: ReadonlyMap<string, PgNode>;
  readonly #watcher: ClusterWatcher;
  readonly #position: SharedTask<Position | undefined>;
  readonly #unregister: () => void;
  #primary: PgNode | undefined;
  #replicas: readonly PgNode[] = [];
  #closing: Promise<unknown>[] = [];

  constructor(settings: PoolSettings, events: PoolEvents) {
    this.name = settings.name;
    this.settings = settings;
    const balance = createBalancer(settings.balance, systemClock.random);
    const hooks = {
      newestTimeline: (): number => this.#watcher.topology.timeline,
      onPool: (pool: pg.Pool): void => events.relay(pool),
      onPoolGone: (pool: pg.Pool): void => events.forget(pool),
      onSilence: (node: string): void => this.#watcher.doubt(node),
      onRejected: (node: string, error: Error): void =>
        publish('node-rejected', { cluster: settings.name, node, error: error.message }),
    };
    const nodes = settings.nodes.map((node) => new PgNode(node, settings, hooks));
    this.#nodes = new Map(nodes.map((node) => [node.name, node]));
    this.#watcher = new ClusterWatcher({
      ...settings,
      cluster: settings.name,
      nodes,
      hasReached,
      clock: systemClock,
      onTopology: (topology) => this.#follow(topology),
    });
    this.readers = new ReaderChoice({
      watcher: this.#watcher,
      balance,
      settings,
      replicas: () => this.#replicas,
      primary: () => this.#primary ?? this.#node(this.#watcher.topology.splitBrain[0]),
      node: (name) => this.#nodes.get(name),
    });
    this.#position = new SharedTask(async () =>
      this.#primary?.prober.writtenPosition(settings.probeTimeoutMs),
    );
    this.#unregister = registerCluster(this);
    void this.#watcher.start();
  }

  get nodes(): Iterable<PgNode> {
    return this.#nodes.values();
  }

  get descriptions(): readonly NodeDescription[] {
    return this.#watcher.nodes;
  }

  get topology(): Topology {
    return this.#watcher.topology;
  }

  /** Whether every node has been looked at and none of them is a primary that may be written to. */
  get readOnly(): boolean {
    return this.#primary === undefined && this.#watcher.settled;
  }

  /** The primary, or undefined when there is none just now. */
  get primary(): PgNode | undefined {
    return this.#primary;
  }

  /** The primary's position, at or after every commit that has returned by now: asked once for all who wait. */
  currentPosition(): Promise<Position | undefined> {
    return this.#position.ask();
  }

  /** A position at or after everything that a node has shown; where it does not tell, where the primary is. */
  async shownPosition(node: string): Promise<Position | undefined> {
    return (await this.#nodes.get(node)?.shownPosition()) ?? this.currentPosition();
  }

  /**
   * The primary, waiting for one when there is none.
   *
   * @throws ERR_NO_PRIMARY or ERR_SPLIT_BRAIN when there still is none after `failoverWaitMs`
   */
  async waitForPrimary(): Promise<PgNode> {
    if (this.#primary === undefined && this.#watcher.settled) void this.#watcher.checkAll();
    const { waitMs, connectMs = Number.POSITIVE_INFINITY } = this.settings;
    const primary = await this.#watcher.waitFor(() => this.#primary, waitMs, connectMs);
    if (primary !== undefined) return primary;
    throw this.noPrimary();
  }

  /**
   * A statement has failed on this node in a way that a dead node would explain: it is probed at once, and with a
   * primary all nodes are, since another may have taken its place.
   *
   * @param error what it failed with. A node that only lets no more connections in is not suspected
   * @returns when they have been looked at
   */
  async suspect(node: PgNode, error: unknown): Promise<void> {
    const failure = nodeFailure(error);
    if (failure === 'full' || failure === 'rejected') return;
    const suspected = this.#watcher.suspect(node.name, failure === 'not-ready');
    if (node.isPrimary) await this.#watcher.checkAll();
    await suspected;
  }

  noPrimary(): ReplicationError {
    const { splitBrain } = this.#watcher.topology;
    if (splitBrain.length > 0) {
      const names = splitBrain.map(({ node }) => node).join(' and ');
      return new ReplicationError(
        'ERR_SPLIT_BRAIN',
        `${names} both say that they are the primary of cluster '${this.name}': nothing is written until one of them is stopped.`,
      );
    }
    return new ReplicationError(
      'ERR_NO_PRIMARY',
      `Cluster '${this.name}' has had no primary for ${this.settings.waitMs} ms: ${this.#reasons()}`,
      { cause: this.#cause() },
    );
  }

  /** The error of a read that no node could serve. */
  noReader(decision: Decision): ReplicationError {
    const primaryOnly =
      decision.role === 'primary' || (requiresPosition(decision) && this.#replicas.length > 0);
    if (primaryOnly) return this.noPrimary();
    return new ReplicationError(
      'ERR_NO_NODE',
      `No node of cluster '${this.name}' can serve: ${this.#reasons()}`,
      {
        cause: this.#cause(),
      },
    );
  }

  async close(): Promise<void> {
    this.#unregister();
    this.#watcher.close();
    await Promise.all([...this.#nodes.values()].map((node) => node.close()));
    await Promise.all(this.#closing);
  }

  #follow(topology: Topology): void {
    const former = this.#primary;
    this.#primary = this.#node(topology.primary);
    this.#replicas = this.#toNodes(topology.replicas);
    for (const description of this.#watcher.nodes) {
      const node = this.#node(description);
      if (node === undefined) continue;
      node.readable = this.#replicas.includes(node);
      node.isPrimary = node === this.#primary;
      node.observe(description);
    }
    if (former !== undefined && former !== this.#primary) this.#retire(former);
  }

  #retire(former: PgNode): void {
    const closed = former.retireWriter().finally(() => {
      this.#closing = this.#closing.filter((other) => other !== closed);
    });
    this.#closing.push(closed);
  }

  #node(description: NodeDescription | undefined): PgNode | undefined {
    return description === undefined ? undefined : this.#nodes.get(description.node);
  }

  #toNodes(descriptions: readonly NodeDescription[]): readonly PgNode[] {
    return descriptions.map((description) => this.#node(description)).filter((node) => node !== undefined);
  }

  #cause(): Error | undefined {
    return this.#watcher.nodes.find(({ error }) => error !== undefined)?.error;
  }

  #reasons(): string {
    return this.#watcher.nodes
      .map(({ node, state, role, error }) => {
        const reason = error?.message ?? (state === 'connecting' ? 'it has not answered yet' : role);
        return `${node} is ${state} (${reason})`;
      })
      .join('; ');
  }
}
