import type { AdminSession } from './admin-session.js';

/*
 * What the startup process of a standby is told and asked. Each function is one question to one
 * session; whoever needs to wait asks again.
 */

/** Writes the delay down and has all processes read it. Effective once `lagIs` says so. */
export async function requestLag(session: AdminSession, milliseconds: number): Promise<void> {
  const change = milliseconds === 0 ? 'RESET recovery_min_apply_delay' : setDelay(milliseconds);
  await session.query(`ALTER SYSTEM ${change}`);
  await session.query('SELECT pg_reload_conf()');
}

/**
 * Whether the delay is in effect. Has to be asked in a new session: the postmaster signals the
 * startup process before it forks a session that knows the new value, and the startup process reads
 * its settings again before it replays another record.
 */
export async function lagIs(session: AdminSession, milliseconds: number): Promise<boolean> {
  const { rows } = await session.query<{ delay: string }>(
    `SELECT setting AS delay FROM pg_settings WHERE name = 'recovery_min_apply_delay'`,
  );
  return Number(rows[0]?.delay) === milliseconds;
}

/**
 * Whether nothing more will be replayed. A replay that is being delayed is not paused until the delay
 * is over, but it looks at the request before it goes on.
 */
export async function replayStandsStill(session: AdminSession): Promise<boolean> {
  return isTrue(
    session,
    `SELECT CASE pg_get_wal_replay_pause_state()
       WHEN 'paused' THEN true
       WHEN 'not paused' THEN false
       ELSE EXISTS (SELECT FROM pg_stat_activity
                     WHERE backend_type = 'startup' AND wait_event = 'RecoveryApplyDelay')
     END AS yes`,
  );
}

export async function inRecovery(session: AdminSession): Promise<boolean> {
  return isTrue(session, 'SELECT pg_is_in_recovery() AS yes');
}

export async function isTrue(
  session: AdminSession,
  sql: string,
  values: readonly unknown[] = [],
): Promise<boolean> {
  const { rows } = await session.query<{ yes: boolean | null }>(sql, values);
  return rows[0]?.yes === true;
}

function setDelay(milliseconds: number): string {
  return `SET recovery_min_apply_delay = '${milliseconds}ms'`;
}
