import type pg from 'pg';
import type { BareServers } from './bare-servers.js';
import type { Browser, Shown } from './policy.js';

/** Where a lookup asks: at the pools of the application, or at some of its own. */
export interface PositionSource {
  /** Where the primary's log ends now. */
  written(): Promise<string>;
  /** Whether a replica, named by its pool, has replayed everything up to there. */
  hasReplayed(replica: pg.Pool, lsn: string): Promise<boolean>;
}

/**
 * The visitor's session remembers where the log ended after its last write. Each of its reads asks every replica
 * whether it has got there, and goes to one that has, or to the primary. Once all of them have, it asks no more.
 */
export class PositionLookup implements Browser {
  readonly #servers: BareServers;
  readonly #source: PositionSource;
  readonly #isFree: boolean;
  #lsn: string | undefined;

  /** @param isFree whether the time that asking takes does not count */
  constructor(servers: BareServers, source: PositionSource, isFree: boolean) {
    this.#servers = servers;
    this.#source = source;
    this.#isFree = isFree;
  }

  async read(board: number): Promise<Shown> {
    const lsn = this.#lsn;
    if (lsn === undefined) return this.#servers.readReplica(board);
    const began = performance.now();
    const caughtUp = await this.#caughtUpWith(lsn);
    const freeMs = this.#isFree ? performance.now() - began : 0;
    // A write may have come in between.
    if (caughtUp.length === this.#servers.replicas.length && this.#lsn === lsn) this.#lsn = undefined;
    const shown =
      caughtUp.length > 0
        ? await this.#servers.readReplica(board, caughtUp)
        : await this.#servers.readPrimary(board);
    return { ...shown, freeMs };
  }

  async post(board: number): Promise<number> {
    const version = await this.#servers.post(board);
    this.#lsn = await this.#source.written();
    return version;
  }

  async #caughtUpWith(lsn: string): Promise<readonly pg.Pool[]> {
    const { replicas } = this.#servers;
    const replayed = await Promise.all(replicas.map((replica) => this.#source.hasReplayed(replica, lsn)));
    return replicas.filter((_, index) => replayed[index]);
  }
}

/** Asks one server whether it has replayed everything up to somewhere. */
export async function askReplayed(server: pg.Pool, lsn: string): Promise<boolean> {
  const { rows } = await server.query<{ reached: boolean }>(
    'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS reached',
    [lsn],
  );
  return rows[0]?.reached === true;
}
