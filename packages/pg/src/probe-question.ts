import type { Observation, Position } from '@node-replicated/core/cluster';
import { endOfLastRecord, formatPosition, parseLsn } from './lsn.js';

/** What a session may see, as it says itself. All of it together is what `pg_monitor` may. */
export interface ProbeRights {
  readonly name: string;
  readonly statistics: boolean;
  readonly system: boolean;
  readonly recovery: boolean;
  readonly checkpoint: boolean;
}

/** Asks for a session's {@link ProbeRights}. */
export const rightsQuestion: string = `
  SELECT quote_ident(current_user) AS name,
         pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS statistics,
         has_function_privilege('pg_control_system()', 'EXECUTE') AS system,
         has_function_privilege('pg_control_recovery()', 'EXECUTE') AS recovery,
         has_function_privilege('pg_control_checkpoint()', 'EXECUTE') AS checkpoint`;

/** The questions that a session may ask. */
export interface ProbeQuestions {
  /** What the node is. */
  readonly observe: string;
  /** Where the primary is: at or after every commit that has returned. A standby refuses the question. */
  readonly written: string;
  /** What to grant, so that more can be seen; undefined when all of it can. */
  readonly hint: string | undefined;
}

/** The sizes of the log's files and pages. */
const logSizes = `pg_size_bytes(current_setting('wal_segment_size'))::text AS file_bytes,
         current_setting('wal_block_size') AS page_bytes`;

const writtenTimeline = `('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int::text`;

/**
 * A standby that receives from nobody has no row of a receiver; one that the session may not look at is empty.
 *
 * A standby's timeline is the newest of what it receives, what it must at least replay, and its last restart point,
 * as far as the session may know them.
 */
export function questionsFor({
  name,
  statistics,
  system,
  recovery,
  checkpoint,
}: ProbeRights): ProbeQuestions {
  const identifier = system ? '(SELECT system_identifier::text FROM pg_control_system())' : 'NULL::text';
  const timelines = [
    '(SELECT received_tli FROM pg_stat_wal_receiver)',
    ...(recovery ? ['(SELECT min_recovery_end_timeline FROM pg_control_recovery())'] : []),
    ...(checkpoint ? ['(SELECT timeline_id FROM pg_control_checkpoint())'] : []),
  ];
  const grants = [
    ...(statistics ? [] : [`GRANT pg_monitor TO ${name}`]),
    ...Object.entries({
      pg_control_system: system,
      pg_control_recovery: recovery,
      pg_control_checkpoint: checkpoint,
    })
      .filter(([, may]) => !may)
      .map(([routine]) => `GRANT EXECUTE ON FUNCTION ${routine}() TO ${name}`),
  ];
  return {
    observe: `
  SELECT pg_is_in_recovery() AS standby,
         ${logSizes},
         ${identifier} AS system,
         CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
              ELSE pg_current_wal_insert_lsn() END::text AS lsn,
         CASE WHEN pg_is_in_recovery() THEN greatest(${timelines.join(', ')})::text
              ELSE ${writtenTimeline} END AS timeline,
         CASE WHEN pg_is_in_recovery()
              THEN EXISTS (SELECT FROM pg_stat_wal_receiver)
                   AND (SELECT status FROM pg_stat_wal_receiver) = 'streaming' END::text AS streaming`,
    written: `
  SELECT ${logSizes},
         ${identifier} AS system,
         pg_current_wal_insert_lsn()::text AS lsn,
         ${writtenTimeline} AS timeline`,
    hint: grants.length === 0 ? undefined : grants.join('; '),
  };
}

/** How far a standby has replayed. It is asked often, so it asks for nothing else. */
export const replayedQuestion: string =
  'SELECT pg_is_in_recovery() AS standby, pg_last_wal_replay_lsn()::text AS lsn';

/** The answer to {@link replayedQuestion}. */
export interface ReplayedAnswer {
  readonly standby: boolean;
  readonly lsn: string | null;
}

interface LogSizes {
  readonly file_bytes: string;
  readonly page_bytes: string;
}

/** The answer to {@link ProbeQuestions.written}. */
export interface WrittenAnswer extends LogSizes {
  readonly system: string | null;
  readonly lsn: string | null;
  readonly timeline: string | null;
}

/** The answer to {@link ProbeQuestions.observe}. */
export interface ObserveAnswer extends WrittenAnswer {
  readonly standby: boolean;
  readonly streaming: string | null;
}

/** The position of a primary, whose next record is still to come. */
export function toWritten(answer: WrittenAnswer): Position | undefined {
  const { file_bytes, page_bytes } = answer;
  return toPosition(answer, (next) => endOfLastRecord(next, BigInt(file_bytes), BigInt(page_bytes)));
}

/** What an answer says of the node. */
export function toObservation(answer: ObserveAnswer, hint: string | undefined): Observation {
  const { standby, system, timeline, streaming } = answer;
  return {
    role: standby ? 'replica' : 'primary',
    systemIdentifier: system ?? undefined,
    timeline: timeline === null ? undefined : Number(timeline),
    position: standby ? toPosition(answer, (replayed) => replayed) : toWritten(answer),
    streaming: streaming === null ? undefined : streaming === 'true',
    hint,
  };
}

function toPosition(
  { system, lsn, timeline }: WrittenAnswer,
  place: (lsn: bigint) => bigint,
): Position | undefined {
  if (system === null || lsn === null || timeline === null) return undefined;
  const systemIdentifier = BigInt(system);
  return formatPosition({ systemIdentifier, timeline: Number(timeline), lsn: place(parseLsn(lsn)) });
}
