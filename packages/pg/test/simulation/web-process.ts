import { EventEmitter } from 'node:events';
import { defineReplication, type ReplicationConfig } from '@node-replicated/core';
import { hasReached } from '../../src/lsn.js';
import { resolvePoolOptions } from '../../src/options.js';
import { PgCluster } from '../../src/pg-cluster.js';
import { PoolEvents } from '../../src/pool-events.js';
import type { RunContext } from '../../src/run-context.js';
import { StatementMemory } from '../../src/statement.js';
import type { Judge } from './judge.js';
import type { TokenFacts } from './pin-facts.js';
import type { SeededRandom } from './seeded-random.js';
import type { ScheduleSettings } from './settings.js';
import { addNetwork, type Network, SimClient, type SimConnection } from './sim-connection.js';
import { ownSystem, type SimDatabase } from './sim-database.js';
import type { Answer, Question } from './sim-protocol.js';
import type { SimServer } from './sim-server.js';
import type { VirtualTime } from './virtual-time.js';

/** What all processes of a schedule live in. */
export interface SimWorld {
  readonly settings: ScheduleSettings;
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  readonly database: SimDatabase;
  readonly judge: Judge;
}

/** How often a process looks at its nodes that hears of everything late, in ms. */
export const seldomMs = 2_000;

const epoch = 1_700_000_000_000;
const secret = 'the secret of all simulated processes';

/** Tokens that this process has made for one client. */
export interface Lineage {
  bits: number;
  at: number;
  /** The mark that holds the longest. */
  mark: TokenFacts['mark'];
  /** Of the cluster's own histories the newest that they name; 0: none. */
  history: number;
}

/** The settings that requests are served with, and what was made with them. */
export interface WebSide {
  readonly config: ReplicationConfig;
  readonly forMs: number;
  readonly maxAgeMs: number;
  readonly lineages: Map<string, Lineage>;
}

/** A web process: the library as it is, over a network that is simulated. */
export class WebProcess implements Network {
  readonly name: string;
  readonly time: VirtualTime;
  readonly cluster: PgCluster;
  readonly context: RunContext;
  web: WebSide;
  /** How far its clock is from the right time, in ms. */
  clockError = 0;
  readonly #world: SimWorld;
  /** The servers that it is cut off from, each with what waits for that to end. */
  readonly #cuts = new Map<SimServer, (() => void)[]>();
  readonly #wholeSince = new Map<SimServer, number>();
  /** When it took nodes for dead. */
  readonly #losses: { readonly node: string; readonly at: number }[] = [];
  #highest = 0;
  #judged: unknown;

  /** @param hearsLate whether it looks at its nodes seldom */
  constructor(name: string, world: SimWorld, hearsLate: boolean) {
    this.name = name;
    this.time = world.time;
    this.#world = world;
    this.web = this.#configure(world.settings.forMs, world.settings.maxAgeMs);
    addNetwork(name, this);
    const settings = resolvePoolOptions({
      ...world.settings.pool,
      ...(hearsLate && { probeIntervalMs: seldomMs }),
      nodes: world.database.servers.map(({ name: host }) => ({ name: host, host, port: 5432 })),
      user: name,
      database: 'simulated',
      idleTimeoutMillis: 0,
      Client: SimClient,
    });
    const events = new PoolEvents(new EventEmitter());
    this.cluster = new PgCluster(settings, events, { clock: world.time, ProbeClient: SimClient });
    this.cluster.events.on('node-changed', ({ node, to }) => {
      if (to === 'down') this.#losses.push({ node, at: this.time.now() });
    });
    this.context = { cluster: this.cluster, memory: new StatementMemory() };
  }

  /** Restarts the web side with other settings, as a deployment does it. */
  reconfigure(forMs: number, maxAgeMs: number): void {
    this.web = this.#configure(forMs, maxAgeMs);
  }

  #configure(forMs: number, maxAgeMs: number): WebSide {
    const config = defineReplication({
      secret,
      pin: { forMs, maxAgeMs },
      monotonicReads: this.#world.settings.monotonicReads,
      now: () => epoch + this.time.now() + this.clockError,
    });
    return { config, forMs, maxAgeMs, lineages: new Map() };
  }

  server(name: string): SimServer {
    const server = this.#world.database.servers.find((each) => each.name === name);
    if (server === undefined) throw new Error(`There is no server '${name}'.`);
    return server;
  }

  latency(): number {
    const { random, settings, database } = this.#world;
    const maySlow = settings.faults.includes('slow') && database.calmSince === undefined;
    const slow = maySlow && random.chance(0.05);
    return slow ? random.whole(20, 900) : 0.2 + 2 * random.next();
  }

  whenWhole(server: SimServer, fn: () => void): void {
    const waiting = this.#cuts.get(server);
    if (waiting === undefined) fn();
    else waiting.push(fn);
  }

  cut(server: SimServer): void {
    if (!this.#cuts.has(server)) this.#cuts.set(server, []);
  }

  mend(server: SimServer): void {
    const waiting = this.#cuts.get(server);
    if (waiting === undefined) return;
    this.#cuts.delete(server);
    this.#wholeSince.set(server, this.time.now());
    for (const fn of waiting) this.time.after(0, fn);
  }

  /** Whether a server has been up, and within reach, since some moments before. */
  couldReach(server: SimServer, since: number): boolean {
    const settledBy = since - 50;
    if (!server.up || server.upSince > settledBy || this.#cuts.has(server)) return false;
    return (this.#wholeSince.get(server) ?? 0) <= settledBy;
  }

  /** Whether it has taken a node for dead at some moment since. */
  hasLost(node: string, since: number): boolean {
    return this.#losses.some((loss) => loss.node === node && loss.at >= since);
  }

  /** How often it may have lost nodes since some moment: what it took for dead, and what stopped, noticed or not. */
  lossesSince(since: number): number {
    const { servers } = this.#world.database;
    return servers.reduce((sum, { name, stops }) => {
      const seen = this.#losses.filter(({ node, at }) => node === name && at >= since).length;
      return sum + Math.max(seen, stops.filter((at) => at >= since).length);
    }, 0);
  }

  onSent(server: SimServer, question: Question, connection: SimConnection): void {
    this.judgeTopology();
    if (question.kind !== 'write') return;
    const { judge } = this.#world;
    judge.note(() => `${this.name} sends write ${question.id} to ${server.name}`);
    if (connection.readOnly) return;
    const { primary, timeline } = this.cluster.topology;
    const proven = primary?.node === server.name && (primary.timeline ?? timeline) >= this.#highest;
    if (!proven) {
      judge.report(
        'a write goes to the proven primary of the newest timeline alone',
        `${this.name} sent one to ${server.name}, and knows ${primary?.node} of timeline ${primary?.timeline}, and of timeline ${this.#highest}`,
      );
    }
  }

  onAnswered(server: SimServer, { kind }: Question, { fields }: Answer): void {
    if (kind !== 'observe' || this.#world.database.isForeign(server)) return;
    // With monotonic reads, the same question also asks for a position, and the monitor does not hear the answer.
    if (this.#world.settings.monotonicReads) return;
    const timeline = Number(fields.find(({ name }) => name === 'timeline')?.value);
    this.time.afterQuietly(0, () => {
      this.#highest = Math.max(this.#highest, timeline);
    });
  }

  write(server: SimServer, id: number, done: () => void): void {
    const { database, judge } = this.#world;
    const bit = 1 << id;
    if (database.servers.some(({ branch }) => branch.records.some((record) => record.bit === bit))) {
      judge.report('a write is carried out once at most', `write ${id} again, on ${server.name}`);
    }
    judge.note(() => `${server.name} carries out write ${id} on timeline ${server.branch.timeline}`);
    database.commit(server, bit, done);
  }

  /** Judges who is who, each time that it is judged anew. */
  judgeTopology(): void {
    const { topology } = this.cluster;
    if (topology === this.#judged) return;
    this.#judged = topology;
    const { judge } = this.#world;
    const { primary, timeline, systemIdentifier } = topology;
    judge.note(
      () =>
        `${this.name} knows the primary ${primary?.node} and the replicas ${topology.replicas.map(({ node }) => node)} of timeline ${timeline}`,
    );
    // Before it has seen a primary, it may have taken other data for the cluster's.
    if (systemIdentifier !== ownSystem) return;
    if (timeline < this.#highest || (primary?.timeline ?? timeline) < this.#highest) {
      judge.report(
        'a lower timeline is never returned to',
        `${this.name} from ${this.#highest} to ${timeline}`,
      );
    }
    this.#highest = Math.max(this.#highest, timeline);
    const claims = this.cluster.descriptions.filter(
      (node) =>
        (node.state === 'up' || node.state === 'lagging') &&
        node.role === 'primary' &&
        node.timeline === this.#highest,
    );
    if (claims.length > 1 && primary !== undefined) {
      judge.report('a split brain has no primary', `${this.name} takes ${primary.node} for it`);
    }
  }

  /** Whether it knows of every server who it is, and how far it has come. */
  get knowsAll(): boolean {
    const { calmSince = 0 } = this.#world.database;
    // What goes wrong is noticed some moments later.
    if (this.cluster.descriptions.some(({ observedAt = 0 }) => observedAt < calmSince + 20)) return false;
    const { primary, replicas } = this.cluster.topology;
    const isPrimary = primary?.node === this.#world.database.primary?.name;
    const reached = replicas.every(({ position = '' }) =>
      hasReached(position, this.#world.database.position),
    );
    return isPrimary && reached && replicas.length === this.#world.database.servers.length - 1;
  }
}
