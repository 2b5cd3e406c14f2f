import type { Cluster } from './cluster-registry.js';
import { publish } from './events.js';
import type { ReplicationConfig } from './options.js';
import { type Pin, type PinMark, pinDemand } from './pin.js';
import { readPinCookie } from './pin-cookie.js';
import { type Decision, decide, type Reason } from './policy.js';
import { type Role, type RoleRule, toRole } from './role.js';
import { WriteLog } from './write-log.js';

/** What an adapter knows of a request when it opens a scope. */
export interface RequestFacts {
  readonly method: string;
  /** The whole path as the client sent it, from the root of the server. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Whether the request came over HTTPS. */
  readonly secure: boolean;
  /** The route's name, where the framework knows it before the handler runs. */
  readonly route?: string | undefined;
}

/** A node that has served the request, in which role and why. */
export interface NodeUse {
  readonly node: string;
  readonly role: Role;
  readonly reason: Reason;
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
  /** Called once, when the first write begins: only then need an adapter watch the response headers. */
  onFirstWrite: (() => void) | undefined;

  readonly #job: RoleRule | undefined;
  #revision = 0;
  #view: string | undefined;
  #pin: Pin | undefined;
  #pinRead = false;
  #override: RoleRule | undefined;
  #overrideRevision = -1;
  #headersLeft = false;
  // Made when they are needed: most requests read once, and leave nothing here.
  #writes: WriteLog | undefined;
  #pool: object | undefined;
  #replica: unknown;
  #otherReplicas: Map<object, unknown> | undefined;
  #uses: NodeUse[] | undefined;

  constructor(config?: ReplicationConfig, facts?: RequestFacts, job?: RoleRule) {
    this.config = config;
    this.facts = facts;
    this.#job = job;
    this.startedAt = config === undefined ? 0 : config.now();
  }

  /** Changes whenever an earlier decision may no longer hold. */
  get revision(): number {
    return this.#revision;
  }

  /** `GET /posts/1`, for messages and events; undefined outside a request. A query string is left out. */
  get request(): string | undefined {
    if (this.facts === undefined) return undefined;
    const { method, path } = this.facts;
    const end = path.search(/[?#]/);
    return `${method} ${end < 0 ? path : path.slice(0, end)}`;
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

  /** The pin that came with the request, if a valid one did. */
  get pin(): Pin | undefined {
    if (!this.#pinRead) {
      this.#pinRead = true;
      const { config, facts } = this;
      const header = facts?.headers.cookie;
      if (config !== undefined && typeof header === 'string') {
        this.#pin = readPinCookie(header, config, this.startedAt);
      }
    }
    return this.#pin;
  }

  /** The marks of the clusters that the request wrote to. */
  get written(): ReadonlyMap<string, PinMark> {
    return this.#writes?.marks(this.pin) ?? new Map();
  }

  /** Whether the request has written, to one cluster or to any. */
  wrote(cluster?: string): boolean {
    return (
      this.#writes !== undefined && (cluster === undefined ? !this.#writes.empty : this.#writes.has(cluster))
    );
  }

  /**
   * Asks for the positions that the pin will name, so that it can be made without waiting.
   *
   * @returns undefined when there is nothing to wait for
   */
  takePositions(): Promise<unknown> | undefined {
    return this.#headersLeft ? undefined : this.#writes?.takePositions();
  }

  /** Says that the handler `Controller.method` serves this request: it may have an override of its own. */
  enterView(name: string): void {
    if (this.#view === name) return;
    this.#view = name;
    this.#revision += 1;
  }

  /** Where statements go under a scope's forced rule. */
  decide(forced: RoleRule | undefined, cluster: string): Decision {
    const { config, facts } = this;
    if (config === undefined || facts === undefined) {
      return decide({ ...nothingKnown, forced, wrote: this.wrote(cluster), job: this.#job });
    }
    const { pin } = this;
    return decide({
      forced,
      header: config.forceHeader === false ? undefined : toRole(facts.headers[config.forceHeader]),
      override: this.#findOverride(config, facts),
      pin:
        pin === undefined || config.pin === false
          ? 'none'
          : pinDemand(pin, cluster, config.pin, this.startedAt),
      wrote: this.wrote(cluster),
      safe: config.safeMethods.has(facts.method),
      job: undefined,
    });
  }

  /** A write to a cluster begins, or a client that may write is leased. */
  beginWrite(cluster: Cluster): void {
    this.#writes ??= new WriteLog();
    const first = this.#writes.empty;
    if (this.#writes.begin(cluster)) this.#revision += 1;
    if (this.#headersLeft) this.#reportLateWrite(cluster.name);
    else if (first) this.onFirstWrite?.();
  }

  /** What {@link Session.beginWrite} began has ended. */
  endWrite(cluster: Cluster): void {
    this.#writes?.end(cluster);
  }

  /** What {@link Session.beginWrite} began was never sent to the database. */
  withdrawWrite(cluster: Cluster): void {
    if (this.#writes?.withdraw(cluster) === true) this.#revision += 1;
  }

  /** The response headers leave now: later writes can no longer move the client's pin. */
  sealHeaders(): void {
    if (this.#headersLeft) return;
    this.#headersLeft = true;
    for (const cluster of this.#writes?.open ?? []) this.#reportLateWrite(cluster);
  }

  /** Notes that a node has served a statement. */
  noteUse(node: string, role: Role, reason: Reason): void {
    this.#uses ??= [];
    for (const use of this.#uses) {
      if (use.node === node && use.reason === reason && use.role === role) return;
    }
    this.#uses.push({ node, role, reason });
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

  #reportLateWrite(cluster: string): void {
    publish('late-write', { cluster, request: this.request });
  }
}

const nothingKnown = { header: undefined, override: undefined, pin: 'none', safe: undefined } as const;
