import type { Position } from '@node-replicated/core/cluster';
import { formatPosition } from '../../src/lsn.js';
import type { SeededRandom } from './seeded-random.js';
import { type Branch, bitsOf, SimServer } from './sim-server.js';
import type { VirtualTime } from './virtual-time.js';

export interface DatabaseSettings {
  readonly servers: number;
  /** Whether a commit returns only when a standby has it, and a standby is promoted only when it has all of them. */
  readonly synchronous: boolean;
  /** Where the log begins. */
  readonly start: bigint;
}

const pageBytes = 8_192n;
/** The cluster's own data, as opposed to any other's. */
export const ownSystem = '7318624812345678901';
const otherSystem = '7000000000000000001';

/** What really happens: servers, what each of them holds, and who follows whom. */
export class SimDatabase {
  readonly servers: readonly SimServer[];
  readonly synchronous: boolean;
  /** The history that counts: the one that was promoted last. */
  branch: Branch;
  /** The writes of the history that counts, as far as nobody may miss them. */
  timeline = 1;
  /** Whether there ever were records that the history that counts does not have: pins may be ahead of it. */
  diverged = false;
  /** Since when nothing goes wrong any more. */
  calmSince: number | undefined;
  /** What the pins of late writes name. */
  readonly #pinned = new Map<number, number>();
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;

  constructor({ servers, synchronous, start }: DatabaseSettings, time: VirtualTime, random: SeededRandom) {
    this.#time = time;
    this.#random = random;
    this.synchronous = synchronous;
    this.branch = { timeline: 1, records: [{ bit: 0, end: start, timeline: 1 }], rival: false };
    const names = ['a', 'b', 'c', 'd'].slice(0, servers);
    this.servers = names.map((name, index) => new SimServer(name, ownSystem, this.branch, index > 0));
    const [primary] = this.servers;
    for (const server of this.servers) if (server.standby) server.follows = primary;
  }

  /** The server that holds the history that counts, whether it is up or not. */
  get primary(): SimServer | undefined {
    return this.servers.find(({ standby, branch }) => !standby && branch === this.branch);
  }

  /** Where the history that counts ends by now. */
  get position(): Position {
    const lsn = this.branch.records.at(-1)?.end ?? 0n;
    return formatPosition({ systemIdentifier: BigInt(ownSystem), timeline: this.branch.timeline, lsn });
  }

  isForeign(server: SimServer): boolean {
    return server.system !== ownSystem;
  }

  /**
   * Writes a record.
   *
   * @param bit the write; 0 for anybody else's
   * @param done called when the commit returns
   */
  commit(server: SimServer, bit: number, done: () => void = () => undefined): void {
    const { branch } = server;
    this.diverged ||= branch !== this.branch;
    const last = branch.records.at(-1)?.end ?? 0n;
    const next = last + BigInt(this.#random.whole(64, 4_000));
    // Now and then a record ends exactly where a page does.
    const end = this.#random.chance(0.15) ? (next / pageBytes + 1n) * pageBytes : next;
    branch.records.push({ bit, end, timeline: branch.timeline });
    server.received = branch.records.length;
    server.replayed = branch.records.length;
    if (this.synchronous) server.waiting.push({ count: branch.records.length, done });
    else done();
    for (const standby of this.servers) if (standby.follows === server) this.ship(standby);
  }

  /** Sends a standby what it does not have yet. */
  ship(standby: SimServer): void {
    const { follows: upstream, life } = standby;
    if (upstream === undefined || !standby.up || !upstream.up || upstream.branch !== standby.branch) return;
    const count = upstream.received;
    const upstreamLife = upstream.life;
    this.#time.afterQuietly(standby.transitMs, () => {
      if (standby.life !== life || standby.follows !== upstream || upstream.life !== upstreamLife) return;
      standby.received = Math.max(standby.received, count);
      this.#release(upstream, count);
      this.replay(standby);
    });
  }

  /** Shows what has been received, after the standby's lag. */
  replay(standby: SimServer): void {
    const { life, received } = standby;
    this.#time.afterQuietly(standby.lagMs, () => {
      if (standby.life !== life || standby.paused || !standby.up) return;
      standby.replayed = Math.max(standby.replayed, received);
    });
  }

  /** Commits whose records a standby holds return. */
  #release(primary: SimServer, count: number): void {
    const ready = primary.waiting.filter((wait) => wait.count <= count);
    if (ready.length === 0) return;
    primary.waiting = primary.waiting.filter((wait) => wait.count > count);
    for (const { done } of ready) done();
  }

  /** Stops a server at once: what was asked of it is not answered. */
  stop(server: SimServer): void {
    if (!server.up) return;
    server.up = false;
    server.stops.push(this.#time.now());
    server.life += 1;
    server.waiting = [];
    for (const connection of [...server.connections]) connection.lose();
    server.connections.clear();
  }

  /** Starts a server. A standby begins where it last made sure of what it has, which may be before what it showed. */
  start(server: SimServer): void {
    if (server.up) return;
    server.up = true;
    server.upSince = this.#time.now();
    server.life += 1;
    if (server.standby) {
      server.replayed = this.#random.whole(Math.max(1, server.replayed - 3), server.replayed);
      this.ship(server);
      this.replay(server);
    }
    for (const standby of this.servers) if (standby.follows === server) this.ship(standby);
  }

  /** Whether a standby may be promoted: with synchronous commits, only one that has them all. */
  canPromote(server: SimServer): boolean {
    if (this.calmSince !== undefined || !server.up || !server.standby || this.isForeign(server)) return false;
    if (!this.synchronous) return true;
    const { records } = this.branch;
    const acknowledged = Math.max(
      ...this.servers
        .filter((each) => each.standby && each.branch === this.branch && !this.isForeign(each))
        .map(({ received }) => received),
    );
    return server.branch === this.branch && server.received === Math.min(acknowledged, records.length);
  }

  /** Makes a standby the primary of a new timeline, with what it has received; others follow it if they can. */
  promote(server: SimServer): void {
    this.timeline += 1;
    const records = server.branch.records.slice(0, server.received);
    this.diverged ||= records.length < this.branch.records.length;
    server.branch = { timeline: this.timeline, records, rival: false };
    server.replayed = server.received;
    server.life += 1;
    server.standby = false;
    server.follows = undefined;
    server.paused = false;
    this.branch = server.branch;
  }

  /** A standby that has nothing but what a primary has goes on from there. */
  follow(standby: SimServer, primary: SimServer): boolean {
    if (standby === primary || !standby.standby || this.isForeign(standby)) return false;
    const isPrefix = standby.branch.records
      .slice(0, standby.received)
      .every((record, index) => record === primary.branch.records[index]);
    if (!isPrefix) return false;
    // One that does already goes on with what is on its way, or being made ready.
    if (standby.follows !== primary || standby.branch !== primary.branch) standby.life += 1;
    standby.branch = primary.branch;
    standby.follows = primary;
    this.ship(standby);
    this.replay(standby);
    return true;
  }

  /** Makes a server a fresh standby of the primary. That takes a while. */
  rebuild(server: SimServer, primary: SimServer): void {
    this.#replace(server, primary.branch, ownSystem, primary);
  }

  /** Puts the data of another cluster in a server's place. */
  replaceData(server: SimServer): void {
    const branch = { timeline: 9, records: [{ bit: 0, end: (1n << 60n) + 1n, timeline: 9 }], rival: false };
    this.#replace(server, branch, otherSystem, undefined);
  }

  #replace(server: SimServer, branch: Branch, system: string, follows: SimServer | undefined): void {
    this.stop(server);
    server.system = system;
    server.standby = true;
    server.branch = branch;
    server.received = branch.records.length;
    server.replayed = server.received;
    server.follows = follows;
    server.paused = false;
    this.#time.afterQuietly(this.#random.whole(30, 100), () => this.start(server));
  }

  /** Starts a server alone as a primary of the timeline that it is on: nobody has told it of any other. */
  startAlone(server: SimServer): void {
    this.stop(server);
    server.standby = false;
    server.follows = undefined;
    this.diverged = true;
    const { timeline, records } = server.branch;
    server.branch = { timeline, records: records.slice(0, server.received), rival: true };
    server.replayed = server.received;
    this.start(server);
  }

  /** Writes are still under way whose client's pin leaves now: it can name no newer history than this one. */
  noteLate(bits: number, history: number): void {
    for (let bit = 1; bit <= bits; bit <<= 1) if ((bit & bits) !== 0) this.#pinned.set(bit, history);
  }

  /** The newest timeline on which any of these writes was written, in the history that counts, as far as pins name it. */
  historyOf(bits: number): number {
    let newest = 0;
    for (const { bit, timeline } of this.branch.records) {
      const named = Math.min(timeline, this.#pinned.get(bit) ?? timeline);
      if ((bit & bits) !== 0 && named > newest) newest = named;
    }
    return newest;
  }

  /** The writes that a reader may not miss once they are acknowledged. */
  get kept(): number {
    return bitsOf(this.branch);
  }
}
