import type { LocalCluster } from '@node-replicated/local-cluster';
import type pg from 'pg';
import { openBare, serverOf } from '../open-pools.js';
import { type BoardRow, postToBoard, selectBoard, versionIn } from './boards.js';
import type { Shown } from './policy.js';

/** A bare pool for each node: what policies work with that know nothing of this library. */
export class BareServers implements AsyncDisposable {
  readonly #primary: pg.Pool;
  readonly replicas: readonly pg.Pool[];

  constructor({ primary, replicas }: LocalCluster) {
    this.#primary = openBare(serverOf(primary));
    this.replicas = replicas.map((replica) => openBare(serverOf(replica)));
  }

  async readPrimary(board: number): Promise<Shown> {
    return { version: await readOn(this.#primary, board), onPrimary: true };
  }

  /** @param among replicas that will do. @default all of them */
  async readReplica(board: number, among: readonly pg.Pool[] = this.replicas): Promise<Shown> {
    const replica = among[Math.floor(Math.random() * among.length)];
    if (replica === undefined) throw new RangeError('There is no replica to choose from.');
    return { version: await readOn(replica, board), onPrimary: false };
  }

  async post(board: number): Promise<number> {
    return versionIn((await this.#primary.query<BoardRow>(postToBoard, [board])).rows);
  }

  /** Where the primary's log ends now. */
  async writtenLsn(): Promise<string> {
    const { rows } = await this.#primary.query<{ lsn: string }>(
      'SELECT pg_current_wal_insert_lsn()::text AS lsn',
    );
    return rows[0]?.lsn ?? '0/0';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#primary, ...this.replicas].map((pool) => pool.end()));
  }
}

async function readOn(pool: pg.Pool, board: number): Promise<number> {
  return versionIn((await pool.query<BoardRow>(selectBoard, [board])).rows);
}
