import {
  type Cluster,
  type Decision,
  type Reason,
  registerCluster,
  requiresPosition,
} from '@node-replicated/core/adapter';
import {
  type Clock,
  ClusterEvents,
  ClusterWatcher,
  createBalancer,
  EventLog,
  type JoinPositions,
  type NodeDescription,
  type Position,
  SharedTask,
  type Topology,
} from '@node-replicated/core/cluster';
import { noPrimary } from './cluster-refusals.js';
import { formatPosition, hasReached, joinPositions } from './lsn.js';
import { PgNode } from './node.js';
import { NodeDiscovery } from './node-discovery.js';
import { nodeFailure } from './node-failure.js';
import { NodeFleet } from './node-fleet.js';
import type { NodeSettings } from './node-options.js';
import { NodeRoles } from './node-roles.js';
import type { PoolSettings } from './options.js';
import type { PoolEvents } from './pool-events.js';
import { ReaderChoice } from './reader-choice.js';
import type { SessionPool } from './session-pool.js';
import { waitMsOf } from './stale-read.js';
import { noStatements, type StatementCounts } from './statement-counts.js';
import { isOfUnheardPromotion } from './unheard-promotion.js';
import { realWorld, type World } from './world.js';

/** The pause, in ms, between two looks for a primary on behalf of those who do not wait for it. */
const seekPauseMs = 1_000;

/** The nodes of one cluster, who of them is what, and which one serves next. */
export class PgCluster implements Cluster {
  readonly name: string;
  readonly settings: PoolSettings;
  readonly join: JoinPositions = joinPositions;
  readonly events: ClusterEvents = new ClusterEvents();
  /** How many statements have run, by their reasons. */
  readonly statements: StatementCounts = noStatements();
  /** Chooses which node serves a read. */
  readonly readers: ReaderChoice;
  readonly #fleet = new NodeFleet();
  readonly #watcher: ClusterWatcher;
  readonly #discovery: NodeDiscovery | undefined;
  readonly #poolEvents: PoolEvents;
  readonly #position: SharedTask<Position | undefined>;
  readonly #unregister: () => void;
  readonly #log: EventLog | undefined;
  readonly #world: World;
  readonly #roles: NodeRoles;
  #soughtAt = Number.NEGATIVE_INFINITY;

  constructor(settings: PoolSettings, poolEvents: PoolEvents, world: World = realWorld) {
    const { clock } = world;
    this.#world = world;
    this.#roles = new NodeRoles(clock);
    this.name = settings.name;
    this.settings = settings;
    this.#poolEvents = poolEvents;
    const balance = createBalancer(settings.balance, {
      ...settings,
      now: () => clock.now(),
      random: () => clock.random(),
    });
    const { logger } = settings;
    this.#log = logger && new EventLog(logger, settings.name, this.events, clock);
    this.#watcher = new ClusterWatcher({
      ...settings,
      cluster: settings.name,
      events: this.events,
      nodes: settings.nodes.map((node) => this.#make(node)),
      hasReached,
      clock,
      onTopology: (topology) => this.#follow(topology),
    });
    this.readers = new ReaderChoice({
      watcher: this.#watcher,
      balance,
      clock,
      settings,
      replicas: () => this.replicas,
      primary: (decision) => this.primary ?? this.#claimant(decision),
      waitMs: (decision) => waitMsOf(this, decision),
      lookAround: () => this.#lookAround(),
    });
    this.#position = new SharedTask(() => this.#askWritten());
    if (settings.discover !== undefined) {
      this.#discovery = new NodeDiscovery(settings.discover, settings, this.events, {
        known: () => [...this.nodes.values()].map((node) => node.settings),
        add: (node) => this.#watcher.add(this.#make(node)),
        remove: (name) => this.#remove(name),
        isUrgent: () => this.primary === undefined,
      });
    } else if (this.nodes.size === 1) this.#roles.presume([...this.nodes.values()][0]);
    this.#unregister = registerCluster(this);
    void this.#watcher.start(this.#discovery?.start());
  }

  /** The clock that everything here waits by. */
  get clock(): Clock {
    return this.#world.clock;
  }

  /** The nodes of the cluster, by their names. */
  get nodes(): ReadonlyMap<string, PgNode> {
    return this.#fleet.nodes;
  }

  /** All pools that may have connections, of nodes that have left too. */
  get pools(): readonly SessionPool[] {
    return this.#fleet.all.flatMap((node) => node.pools);
  }

  /** How discovery is getting on; undefined where the nodes were named. */
  get discovery(): NodeDiscovery | undefined {
    return this.#discovery;
  }

  get descriptions(): readonly NodeDescription[] {
    return this.#watcher.nodes;
  }

  get topology(): Topology {
    return this.#watcher.topology;
  }

  /** Whether every node has been looked at and none of them is a primary that may be written to. */
  get readOnly(): boolean {
    return this.#watcher.readOnly;
  }

  /** The primary, or undefined when there is none just now. */
  get primary(): PgNode | undefined {
    return this.#roles.primary;
  }

  /**
   * Whether a client knows of a promotion that this process has not heard of. It is taken at its word for what it does
   * itself; for everybody else the primary is whom this process sees.
   *
   * @param pinned the position that the client's pin names
   */
  isLeftBehind(pinned: Position | undefined): boolean {
    return isOfUnheardPromotion(pinned, this.topology);
  }

  /** The primary for a client: none while {@link PgCluster.isLeftBehind} holds. */
  primaryFor(pinned: Position | undefined): PgNode | undefined {
    return this.isLeftBehind(pinned) ? undefined : this.primary;
  }

  /** See {@link NodeRoles.presumed}. */
  get presumed(): PgNode | undefined {
    return this.#roles.presumed;
  }

  /** See {@link NodeRoles.confirm}. */
  confirm(node: PgNode): boolean {
    return this.#roles.confirm(node);
  }

  /** The replicas that may be read from just now. */
  get replicas(): readonly PgNode[] {
    return this.#roles.replicas;
  }

  /** For how many ms there has been no primary. */
  get goneMs(): number {
    return this.#roles.goneMs;
  }

  /** The beginning of the newest timeline that was seen: whatever is written from now on is written on it, or later. */
  get leastPosition(): Position | undefined {
    const { systemIdentifier, timeline } = this.topology;
    if (systemIdentifier === undefined || timeline === 0) return undefined;
    return formatPosition({ systemIdentifier: BigInt(systemIdentifier), timeline, lsn: 0n });
  }

  /** The primary's position, at or after every commit that has returned by now: asked once for all who wait. */
  currentPosition(): Promise<Position | undefined> {
    return this.#position.ask();
  }

  /** A position at or after everything that a node has shown; where it does not tell, where the primary is. */
  async shownPosition(node: string): Promise<Position | undefined> {
    return (await this.nodes.get(node)?.shownPosition()) ?? this.currentPosition();
  }

  /**
   * The primary for a client, waiting for one when there is none.
   *
   * @param pinned the position that the client's pin names
   * @throws ERR_NO_PRIMARY or ERR_SPLIT_BRAIN when there still is none after `failoverWaitMs`
   */
  async waitForPrimary(pinned: Position | undefined): Promise<PgNode> {
    const find = (): PgNode | undefined => this.primaryFor(pinned);
    if (find() === undefined && this.#watcher.settled) this.#lookAround();
    const { waitMs, connectMs = Number.POSITIVE_INFINITY } = this.settings;
    const primary = await this.#watcher.waitFor(find, waitMs, connectMs);
    if (primary !== undefined) return primary;
    throw noPrimary(this, pinned);
  }

  /** Probes all nodes, unless that has happened a moment ago: also one that is down, which is tried seldom. */
  seekPrimary(): void {
    const now = this.#world.clock.now();
    if (now - this.#soughtAt < seekPauseMs) return;
    this.#soughtAt = now;
    this.#lookAround();
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

  /** A read that was meant for a replica has run on the primary. */
  reportFallback(reason: Reason): void {
    this.events.publish('fallback-to-primary', { cluster: this.name, reason });
  }

  async close(): Promise<void> {
    this.#unregister();
    this.#discovery?.close();
    this.#watcher.close();
    this.#log?.close();
    await this.#fleet.close();
  }

  async #askWritten(): Promise<Position | undefined> {
    const { primary } = this;
    const position = await primary?.prober.writtenPosition(this.settings.probeTimeoutMs);
    if (primary !== undefined && position !== undefined) this.#watcher.noteWritten(primary.name, position);
    return position;
  }

  #follow(topology: Topology): void {
    const former = this.primary;
    this.#roles.follow(this.#fleet.of(topology.primary), this.#fleet.allOf(topology.replicas));
    const { primary, replicas } = this;
    let lost = former !== undefined && primary === undefined;
    const now = this.#watcher.settled ? this.#world.clock.now() : undefined;
    for (const description of this.#watcher.nodes) {
      const node = this.#fleet.of(description);
      if (node === undefined) continue;
      if (description.role !== 'unknown') this.#roles.presume(undefined);
      node.setReadable(replicas.includes(node), now);
      node.isPrimary = node === primary;
      lost = node.observe(description) || lost;
    }
    if (former !== undefined && former !== primary) this.#fleet.awaitClosing(former.retireWriter());
    // What is under way on a former primary goes on, until there is another one.
    if (primary !== undefined && primary !== former) this.#abandonOthers(primary);
    if (lost) this.#discovery?.hurry();
    for (const node of this.#fleet.all) node.reconsiderReads();
  }

  /**
   * While several nodes say that they are the primary, each may lack what a client has written, and nobody can tell:
   * one of them serves whoever need not see anything in particular.
   */
  #claimant(decision: Decision): PgNode | undefined {
    const needsPrimary = decision.role === 'primary' || requiresPosition(decision);
    return needsPrimary ? undefined : this.#fleet.of(this.#watcher.topology.splitBrain[0]);
  }

  #abandonOthers(primary: PgNode): void {
    for (const node of this.#fleet.leaving) node.isPrimary = false;
    for (const node of this.#fleet.all) if (node !== primary) node.abandonWrites();
  }

  /** Somebody waits for a node that can serve: any may be back, and others may have come. */
  #lookAround(): void {
    void this.#watcher.checkAll();
    this.#discovery?.hurry();
  }

  #make(settings: NodeSettings): PgNode {
    const node = new PgNode(settings, this.settings, {
      newestTimeline: () => this.#watcher.topology.timeline,
      onDirtyRelease: (node) => this.events.publish('dirty-release', { cluster: this.name, node }),
      events: this.#poolEvents,
      world: this.#world,
      onOverloaded: (node) => this.events.publish('overloaded', { cluster: this.name, node }),
      onSilence: (name) => this.#watcher.doubt(name),
      onRejected: (name, error) =>
        this.events.publish('node-rejected', { cluster: this.name, node: name, error: error.message }),
      onReplayed: (name, position, tookMs) => this.#watcher.noteReplayed(name, position, tookMs),
    });
    this.#fleet.add(node);
    return node;
  }

  #remove(name: string): void {
    const node = this.nodes.get(name);
    if (node === undefined) return;
    this.#fleet.remove(node, () => this.#watcher.remove(name, (description) => node.observe(description)));
  }
}
