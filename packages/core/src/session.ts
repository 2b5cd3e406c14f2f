import { type Cluster, joinOf } from './cluster-registry.js';
import { publish } from './events.js';
import { addUse, type NodeUse } from './node-use.js';
import { furtherOperation, type OperationType } from './operation.js';
import type { ReplicationConfig } from './options.js';
import {
  advancePin,
  anyCluster,
  bothDemands,
  type Pin,
  type PinDemand,
  pinDemand,
  pinnedPosition,
} from './pin.js';
import { type CarriedPin, readPin, unite } from './pin-carriers.js';
import type { PinMark } from './pin-mark.js';
import { PinMoves } from './pin-moves.js';
import type { PinObserver } from './pin-observer.js';
import { type Decision, decide, type Reason } from './policy.js';
import { type RequestFacts, requestName } from './request-facts.js';
import { type Role, type RoleRule, toRole } from './role.js';
import { StoredPin } from './stored-pin.js';

/** What a session is of. */
export interface SessionOrigin {
  /** The settings, where there are any. */
  readonly config?: ReplicationConfig | undefined;
  /** The request; undefined for a job. */
  readonly facts?: RequestFacts | undefined;
  /** The rule that a job was started with. */
  readonly job?: RoleRule | undefined;
  /** The pin that a job was given. */
  readonly pin?: Pin | undefined;
}

/**
 * The part of the replication state that all scopes of one request share: what is known of the request, what
 * it has written, and which nodes have served it.
 */
export class Session {
  readonly config: ReplicationConfig | undefined;
  readonly facts: RequestFacts | undefined;
  /** ms since the epoch; a request's pin is judged by this moment, so that it does not expire half-way. */
  readonly startedAt: number;
  /** Told once, when the client's pin is about to move: only then need an adapter watch the response headers. */
  pinObserver: PinObserver | undefined;

  readonly #job: RoleRule | undefined;
  #revision = 0;
  #view: string | undefined;
  #viewRule: RoleRule | undefined;
  #operation: OperationType | undefined;
  readonly #given: Pin | undefined;
  #carried: CarriedPin | undefined;
  #carriedRead = false;
  #override: RoleRule | undefined;
  #overrideRevision = -1;
  #headersLeft = false;
  // Made when they are needed: most requests read once, and leave nothing here.
  #stored: StoredPin | undefined;
  #moves: PinMoves | undefined;
  #movesSaved = false;
  #pool: object | undefined;
  #replica: unknown;
  #otherReplicas: Map<object, unknown> | undefined;
  #uses: NodeUse[] | undefined;

  constructor({ config, facts, job, pin }: SessionOrigin = {}) {
    this.config = config;
    this.facts = facts;
    this.#job = job;
    this.#given = pin;
    this.startedAt = config === undefined ? 0 : config.now();
  }

  /** Changes whenever an earlier decision may no longer hold. */
  get revision(): number {
    return this.#revision;
  }

  /** `GET /posts/1`, for messages and events; undefined outside a request. A query string is left out. */
  get request(): string | undefined {
    return this.facts === undefined ? undefined : requestName(this.facts);
  }

  /** The nodes that have served the request so far, each with its role and reason, once. */
  get uses(): readonly NodeUse[] {
    return this.#uses ?? [];
  }

  /** The replica that a pool has chosen for this request, so that a page is one consistent view. */
  replicaOf(pool: object): unknown {
    return pool === this.#pool ? this.#replica : this.#otherReplicas?.get(pool);
  }

  /** Keeps a pool's choice for the rest of the request. */
  keepReplica(pool: object, replica: unknown): void {
    this.#pool ??= pool;
    if (this.#pool === pool) this.#replica = replica;
    else {
      this.#otherReplicas ??= new Map();
      this.#otherReplicas.set(pool, replica);
    }
  }

  /** What came with the request, if something genuine did. */
  get carried(): CarriedPin | undefined {
    const { config, facts } = this;
    if (!this.#carriedRead && config !== undefined && facts !== undefined) {
      this.#carried = readPin(facts.headers, config, this.startedAt);
    }
    this.#carriedRead = true;
    return this.#carried;
  }

  /** The client's pin, as far as it is known by now. */
  get pin(): Pin | undefined {
    const pin = this.#given ?? this.carried?.pin;
    return this.#stored === undefined ? pin : unite(pin, this.#stored.pin);
  }

  /**
   * Asks for what is stored for the client. To be awaited before a decision.
   *
   * @returns undefined when there is nothing to wait for, as nearly always
   */
  loadPin(): Promise<void> | undefined {
    const keeper = this.config?.pinKeeper;
    const request = this.facts?.request;
    if (keeper === undefined || request === undefined || this.config === undefined) return undefined;
    this.#stored ??= new StoredPin(keeper, this.config, request);
    return this.#stored.load()?.then(() => {
      this.#revision += 1;
    });
  }

  /** Whether the request has written, to one cluster or to any. */
  wrote(cluster?: string): boolean {
    const writes = this.#moves?.writes;
    return writes !== undefined && (cluster === undefined ? !writes.empty : writes.has(cluster));
  }

  /** What the pin has to say of the clusters that the request wrote to, or, with monotonic reads, read. */
  get moves(): ReadonlyMap<string, PinMark> {
    return this.#moves?.marks(this.pin) ?? new Map();
  }

  /** The client's pin after what the request did; undefined when that leaves it where it is. */
  get movedPin(): Pin | undefined {
    const { config, moves } = this;
    return moves.size === 0 ? undefined : advancePin(this.pin, moves, config?.now() ?? Date.now());
  }

  /** What whoever goes on for the client has to see: with an unsure store, it may have written anything. */
  get exportedPin(): Pin | undefined {
    const pin = unite(this.movedPin ?? this.pin, this.#stored?.forgotten);
    if (this.#stored?.unsure !== true) return pin;
    return unite(pin, { at: Math.floor(this.startedAt), marks: new Map([[anyCluster, 'unknown']]) });
  }

  /**
   * Asks for the positions that the moved pin will name.
   *
   * @returns undefined when there is nothing to wait for
   */
  takePositions(): Promise<unknown> | undefined {
    return this.#moves?.takePositions();
  }

  /**
   * Makes ready what the response will say, and stores it where the client has a stored pin.
   *
   * @returns undefined when there is nothing to wait for
   */
  settle(): Promise<unknown> | undefined {
    if (this.#headersLeft || this.#moves === undefined) return undefined;
    const taking = this.#moves.takePositions();
    if (this.config?.pinKeeper === undefined) return taking;
    if (taking === undefined && (this.#moves.empty || this.#movesSaved)) return undefined;
    return this.#save(taking);
  }

  /**
   * Says that the handler `Controller.method` serves this request: it may have an override of its own.
   *
   * @param rule what the handler's decorator forces, where that shall hold for all that belongs to it
   */
  enterView(name: string, rule?: RoleRule): void {
    if (this.#view === name && this.#viewRule === rule) return;
    this.#view = name;
    this.#viewRule = rule;
    this.#revision += 1;
  }

  /** Says what of GraphQL the request does. Where it does several things, the one counts that may do the most. */
  enterOperation(operation: OperationType): void {
    const further = furtherOperation(this.#operation, operation);
    if (this.#operation === further) return;
    this.#operation = further;
    this.#revision += 1;
  }

  /** Where statements go under a scope's forced rule. */
  decide(forced: RoleRule | undefined, cluster: string): Decision {
    const { config, facts } = this;
    const held = config === undefined || config.pin === false ? undefined : this.pin;
    const pin = this.#demand(held, cluster);
    const pinned = held === undefined ? undefined : pinnedPosition(held, cluster);
    const wrote = this.wrote(cluster);
    if (config === undefined || facts === undefined) {
      return decide({ ...nothingKnown, forced, pin, pinned, wrote, job: this.#job });
    }
    return decide({
      forced: forced ?? facts.rule ?? this.#viewRule,
      header: config.forceHeader === false ? undefined : toRole(facts.headers[config.forceHeader]),
      override: this.#findOverride(config, facts),
      pin,
      pinned,
      wrote,
      safe: config.safeMethods.has(facts.method),
      operation: this.#operation,
      job: undefined,
    });
  }

  /**
   * A write to a cluster begins, or a client that may write is leased.
   *
   * @param applied whether a replica applies it before it returns
   */
  beginWrite(cluster: Cluster, applied = false): void {
    if (this.#move().writes.begin(cluster, applied)) this.#revision += 1;
    if (this.#headersLeft) this.#reportLateWrite(cluster);
  }

  /** What {@link Session.beginWrite} began has ended. */
  endWrite(cluster: Cluster): void {
    this.#moves?.writes.end(cluster);
    // The response can say nothing of it any more.
    if (this.#headersLeft && this.config?.pinKeeper !== undefined) void this.#save(this.takePositions());
  }

  /** The nodes that have shown something of a cluster; undefined where that does not matter, or none has. */
  shownBy(cluster: string): ReadonlySet<string> | undefined {
    return this.#moves?.reads.nodesOf(cluster);
  }

  /** A node has shown something: with monotonic reads, the client is not to see less from now on. */
  noteRead(cluster: Cluster, node: string): void {
    if (this.config?.monotonicReads !== true || this.facts === undefined) return;
    this.#move().reads.note(cluster, node);
  }

  /** What {@link Session.beginWrite} began was never sent to the database. */
  withdrawWrite(cluster: Cluster): void {
    if (this.#moves?.writes.withdraw(cluster) === true) this.#revision += 1;
  }

  /** The response headers leave now: later writes can no longer move the client's pin. */
  sealHeaders(): void {
    if (this.#headersLeft) return;
    this.#headersLeft = true;
    for (const cluster of this.#moves?.writes.open ?? []) this.#reportLateWrite(cluster);
    // What was done while the response waited for the store is not there yet.
    if (this.config?.pinKeeper !== undefined && this.#moves?.empty === false && !this.#movesSaved)
      void this.#save(this.takePositions());
  }

  /** Notes that a node has served a statement. */
  noteUse(node: string, role: Role, reason: Reason): void {
    this.#uses ??= [];
    addUse(this.#uses, node, role, reason);
  }

  #demand(pin: Pin | undefined, cluster: string): PinDemand {
    const { config } = this;
    if (this.#stored?.unsure === true) return 'primary';
    if (config === undefined || config.pin === false) return 'none';
    const own = pin === undefined ? 'none' : pinDemand(pin, cluster, config.pin, this.startedAt);
    const forgotten = this.#stored?.forgotten;
    if (forgotten === undefined) return own;
    return bothDemands(own, pinDemand(forgotten, cluster, config.pin, this.startedAt), joinOf(cluster));
  }

  #move(): PinMoves {
    this.#movesSaved = false;
    if (this.#moves === undefined) {
      this.#moves = new PinMoves();
      if (!this.#headersLeft) this.pinObserver?.pinMoves();
    }
    return this.#moves;
  }

  async #save(taking: Promise<unknown> | undefined): Promise<void> {
    await Promise.allSettled([this.loadPin(), taking]);
    const { movedPin } = this;
    this.#movesSaved = true;
    if (movedPin !== undefined) await this.#stored?.save(movedPin);
  }

  #findOverride(config: ReplicationConfig, facts: RequestFacts): RoleRule | undefined {
    if (this.#overrideRevision !== this.#revision) {
      this.#overrideRevision = this.#revision;
      this.#override = config.overrides.find({
        method: facts.method,
        path: facts.path,
        route: facts.route,
        view: this.#view,
      });
    }
    return this.#override;
  }

  #reportLateWrite({ name, events }: Cluster): void {
    const event = { cluster: name, request: this.request };
    if (events === undefined) publish('late-write', event);
    else events.publish('late-write', event);
  }
}

const nothingKnown = {
  header: undefined,
  override: undefined,
  safe: undefined,
  operation: undefined,
} as const;
