import { Socket } from 'node:net';
import type { Observation, Position, Prober } from '@node-replicated/core/cluster';
import pg from 'pg';
import { setRef } from './connection-use.js';
import { endOfLastRecord, formatPosition, parseLsn } from './lsn.js';

/** The sizes of the log's files and pages. */
const logSizes = `pg_size_bytes(current_setting('wal_segment_size'))::text AS file_bytes,
         current_setting('wal_block_size') AS page_bytes`;

interface LogSizes {
  readonly file_bytes: string;
  readonly page_bytes: string;
}

/**
 * What a node says of itself. A standby's timeline is the newest of what it receives, what it must at least
 * replay, and its last restart point; what the session may not read is null.
 */
const question = `
  SELECT pg_is_in_recovery() AS standby,
         ${logSizes},
         (SELECT system_identifier::text FROM pg_control_system()) AS system,
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
              ELSE pg_current_wal_insert_lsn() END::text AS lsn,
         CASE WHEN pg_is_in_recovery()
              THEN greatest((SELECT received_tli FROM pg_stat_wal_receiver),
                            (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
                            (SELECT timeline_id FROM pg_control_checkpoint()))::text
              ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int::text
         END AS timeline,
         CASE WHEN pg_is_in_recovery()
              THEN (SELECT status FROM pg_stat_wal_receiver) = 'streaming' END::text AS streaming`;

/** Where the primary is: at or after every commit that has returned. A standby refuses the question. */
const positionQuestion = `
  SELECT ${logSizes},
         (SELECT system_identifier::text FROM pg_control_system()) AS system,
         pg_current_wal_insert_lsn()::text AS lsn,
         ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int::text AS timeline`;

type WrittenAnswer = LogSizes & Record<'system' | 'lsn' | 'timeline', string>;

interface Answer extends LogSizes {
  readonly standby: boolean;
  readonly system: string | null;
  readonly lsn: string | null;
  readonly timeline: string | null;
  readonly streaming: string | null;
}

/** Looks at a PostgreSQL server over one connection of its own, apart from the application's statements. */
export class PgProber implements Prober {
  readonly #config: pg.ClientConfig;
  #link: Link | undefined;

  constructor(config: pg.ClientConfig) {
    this.#config = { ...config, password: config.password, application_name: 'node-replicated monitor' };
  }

  async observe(signal: AbortSignal): Promise<Observation> {
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    const link = this.#link ?? new Link(this.#config);
    this.#link = link;
    try {
      return toObservation(await Promise.race([link.ask<Answer>(question), late]));
    } catch (error) {
      link.close();
      if (this.#link === link) this.#link = undefined;
      throw error;
    }
  }

  /**
   * The primary's position.
   *
   * @param ms how long to wait for the answer
   * @returns undefined when there is no connection, no answer in time, or the node is no primary
   */
  async position(ms: number): Promise<Position | undefined> {
    const link = this.#link;
    if (link === undefined) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), ms);
    });
    try {
      const answer = await Promise.race([link.ask<WrittenAnswer>(positionQuestion), late]);
      return answer === undefined ? undefined : toWritten(answer);
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  isRefusal(error: Error): boolean {
    return 'code' in error && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT');
  }

  close(): void {
    this.#link?.close();
    this.#link = undefined;
  }
}

/** One connection. It is closed by destroying its socket: a frozen server would never say goodbye. */
class Link {
  readonly #client: pg.Client;
  readonly #opened: Promise<unknown>;
  #socket: { destroy(): unknown } | undefined;

  constructor(config: pg.ClientConfig) {
    const makeStream = config.stream ?? (() => new Socket());
    this.#client = new pg.Client({
      ...config,
      password: config.password,
      stream: () => {
        const stream = makeStream();
        this.#socket = stream;
        return stream;
      },
    });
    this.#client.on('error', () => this.close());
    this.#opened = this.#client.connect().then(() => setRef(this.#client, 'unref'));
  }

  async ask<A extends pg.QueryResultRow>(text: string): Promise<A> {
    await this.#opened;
    const { rows } = await this.#client.query<A>(text);
    const [answer] = rows;
    if (answer === undefined) throw new Error('A probe was answered with nothing.');
    return answer;
  }

  close(): void {
    this.#socket?.destroy();
  }
}

/** The position of a primary, whose next record is still to come. */
function toWritten(answer: WrittenAnswer): Position {
  const { system, lsn, timeline, file_bytes, page_bytes } = answer;
  return toPosition(system, timeline, endOfLastRecord(parseLsn(lsn), BigInt(file_bytes), BigInt(page_bytes)));
}

function toPosition(system: string, timeline: string, lsn: bigint): Position {
  return formatPosition({ systemIdentifier: BigInt(system), timeline: Number(timeline), lsn });
}

function toObservation(answer: Answer): Observation {
  const { standby, system, timeline, streaming } = answer;
  return {
    role: standby ? 'replica' : 'primary',
    systemIdentifier: system ?? undefined,
    timeline: timeline === null ? undefined : Number(timeline),
    position: observedPosition(answer),
    streaming: streaming === null ? undefined : streaming === 'true',
  };
}

function observedPosition({ standby, system, lsn, timeline, ...sizes }: Answer): Position | undefined {
  if (system === null || lsn === null || timeline === null) return undefined;
  return standby
    ? toPosition(system, timeline, parseLsn(lsn))
    : toWritten({ system, lsn, timeline, ...sizes });
}
