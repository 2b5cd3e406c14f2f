import { ReplicationError } from '@node-replicated/core';
import {
  type Cluster,
  type Decision,
  registerCluster,
  requiresPosition,
  type Session,
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
import type { PoolSettings } from './options.js';
import { ReaderChoice } from './reader-choice.js';

/** The nodes of one cluster, who of them is what, and which one serves next. */
export class PgCluster implements Cluster {
  readonly name: string;
  readonly settings: PoolSettings;
  readonly hasReached: HasReached = hasReached;
  readonly #nodes: ReadonlyMap<string, PgNode>;
  readonly #watcher: ClusterWatcher;
  readonly #readers: ReaderChoice;
  readonly #position: SharedTask<Position | undefined>;
  readonly #unregister: () => void;
  #primary: PgNode | undefined;
  #replicas: readonly PgNode[] = [];
  #closing: Promise<unknown>[] = [];

  constructor(settings: PoolSettings, onPool: (pool: pg.Pool) => void) {
    this.name = settings.name;
    this.settings = settings;
    const balance = createBalancer(settings.balance, systemClock.random);
    const hooks = { newestTimeline: (): number => this.#watcher.topology.timeline, onPool };
    const nodes = settings.nodes.map((node) => new PgNode(node, settings.primaryReadsMax, hooks));
    this.#nodes = new Map(nodes.map((node) => [node.name, node]));
    this.#watcher = new ClusterWatcher({
      ...settings,
      cluster: settings.name,
      nodes,
      hasReached,
      clock: systemClock,
      onTopology: (topology) => this.#follow(topology),
    });
    this.#readers = new ReaderChoice({
      watcher: this.#watcher,
      balance,
      replicas: () => this.#replicas,
      primary: () => this.#primary,
      node: (name) => this.#nodes.get(name),
    });
    this.#position = new SharedTask(async () => this.#primary?.prober.position(settings.probeTimeoutMs));
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

  /**
   * The node whose reader serves a read.
   *
   * @param without nodes that have failed this statement already
   * @returns undefined when there is none just now, or none that is known to be good enough
   */
  readerFor(
    decision: Decision,
    session: Session | undefined,
    without?: ReadonlySet<PgNode>,
  ): PgNode | undefined {
    return this.#readers.now(decision, session, without);
  }

  /** {@link PgCluster.readerFor}, waiting for a node when there is none yet. */
  waitForReader(
    decision: Decision,
    session: Session | undefined,
    without?: ReadonlySet<PgNode>,
  ): Promise<PgNode | undefined> {
    return this.#readers.find(decision, session, without, this.settings);
  }

  /** {@link PgCluster.readerFor} after a node has failed: the primary will do as well. */
  readerInstead(
    decision: Decision,
    session: Session | undefined,
    without: ReadonlySet<PgNode>,
  ): PgNode | undefined {
    return this.#readers.instead(decision, session, without);
  }

  /** Whether a node whose reader a lease holds will do for another statement. */
  suits(node: PgNode, decision: Decision): boolean {
    return this.#readers.suits(node, decision);
  }

  /** The primary's position, at or after every commit that has returned by now: asked once for all who wait. */
  currentPosition(): Promise<Position | undefined> {
    return this.#position.ask();
  }

  /**
   * The primary, waiting for one when there is none.
   *
   * @throws ERR_NO_PRIMARY or ERR_SPLIT_BRAIN when there still is none after `failoverWaitMs`
   */
  async waitForPrimary(): Promise<PgNode> {
    if (this.#watcher.settled) void this.#watcher.checkAll();
    const primary = await this.#watcher.waitFor(() => this.#primary, this.settings.waitMs);
    if (primary !== undefined) return primary;
    throw this.noPrimary();
  }

  /** A statement has failed on this node in a way that a dead node would explain: it is probed at once. */
  suspect(node: PgNode): Promise<void> {
    return this.#watcher.suspect(node.name);
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
    if (requiresPosition(decision) && this.#replicas.length > 0) return this.noPrimary();
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
    const primary = topology.primary === undefined ? undefined : this.#nodes.get(topology.primary.node);
    this.#replicas = this.#toNodes(topology.replicas);
    const readable = new Set(this.#replicas);
    for (const node of this.#nodes.values()) {
      node.readable = readable.has(node);
      node.isPrimary = node === primary;
    }
    for (const { node, position } of topology.replicas) {
      const replica = this.#nodes.get(node);
      if (replica !== undefined) replica.replayed = position;
    }
    const former = this.#primary;
    this.#primary = primary;
    if (former !== undefined && former !== primary) this.#retire(former);
  }

  #retire(former: PgNode): void {
    const closed = former.closeWriter().finally(() => {
      this.#closing = this.#closing.filter((other) => other !== closed);
    });
    this.#closing.push(closed);
  }

  #toNodes(descriptions: readonly NodeDescription[]): readonly PgNode[] {
    return descriptions.map(({ node }) => this.#nodes.get(node)).filter((node) => node !== undefined);
  }

  #cause(): Error | undefined {
    return this.#watcher.nodes.find(({ error }) => error !== undefined)?.error;
  }

  #reasons(): string {
    return this.#watcher.nodes
      .map(({ node, state, role, error }) => `${node} is ${state} (${error?.message ?? role})`)
      .join('; ');
  }
}
