import type { Database } from './board.js';

/** Makes each row of the table tell which server has written it, on which timeline. */
export async function trackWriters({ primary }: Database): Promise<void> {
  await primary.query(`
    CREATE FUNCTION writer() RETURNS text LANGUAGE sql AS $$
      SELECT ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int || ' ' || inet_server_port() $$;
    ALTER TABLE item ADD COLUMN writer text NOT NULL DEFAULT writer();
    CREATE ROLE app LOGIN IN ROLE pg_monitor;
    GRANT EXECUTE ON FUNCTION pg_control_system(), pg_control_recovery(), pg_control_checkpoint() TO app;
    GRANT SELECT, INSERT ON item TO app`);
}

/** A server that has written, on a timeline. */
export interface Writer {
  readonly timeline: number;
  readonly port: number;
}

/** Who has written what there is, in the order of the timelines. */
export async function writersOf({ primary }: Database): Promise<readonly Writer[]> {
  const { rows } = await primary.query<Writer>(`
    SELECT DISTINCT split_part(writer, ' ', 1)::int AS timeline, split_part(writer, ' ', 2)::int AS port
    FROM item ORDER BY timeline, port`);
  return rows;
}
