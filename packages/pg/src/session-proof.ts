import { ReplicationError } from '@node-replicated/core';
import type pg from 'pg';
import type { Proof } from './open-client.js';
import { ownTypes } from './own-types.js';

/** What a new connection shows of its session. */
interface SessionFacts {
  readonly standby: boolean;
  readonly readOnly: boolean;
  readonly timeline: number | undefined;
}

const question = `
  SELECT pg_is_in_recovery() AS standby,
         current_setting('default_transaction_read_only') AS read_only,
         CASE WHEN NOT pg_is_in_recovery()
              THEN ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int::text END AS timeline`;

/**
 * Settings under which every transaction begins read-only, on a primary too, so that the database itself says
 * which statements write.
 */
export function readerConfig(config: pg.PoolConfig): pg.PoolConfig {
  const given = config.options ?? process.env.PGOPTIONS ?? '';
  const options = `${given} -c default_transaction_read_only=on`.trim();
  return { ...config, password: config.password, options };
}

/**
 * A reader's proof: it never refuses, and tells whether the session really is read-only. A pooler between here
 * and the server may have dropped the setting.
 */
export function proveReader(onProof: (readOnly: boolean) => void): Proof {
  return async (client) => onProof((await askSession(client)).readOnly);
}

/**
 * A writer's proof: the connection leads to a primary, and to none of an older timeline.
 *
 * @param newestTimeline gives the highest timeline that was ever seen in the cluster
 */
export function proveWriter(node: string, newestTimeline: () => number): Proof {
  return async (client) => {
    const { standby, timeline } = await askSession(client);
    if (!standby && (timeline === undefined || timeline >= newestTimeline())) return;
    throw new ReplicationError(
      'ERR_NOT_PRIMARY',
      standby
        ? `${node} is a replica: nothing can be written there.`
        : `${node} is a primary of timeline ${timeline}, which a promotion has left behind: nothing may be written there.`,
    );
  };
}

async function askSession(client: pg.ClientBase): Promise<SessionFacts> {
  const { rows } = await client.query<{ standby: boolean; read_only: string; timeline: string | null }>({
    text: question,
    types: ownTypes,
  });
  const [row] = rows;
  if (row === undefined) throw new Error('A new connection answered with nothing.');
  return {
    standby: row.standby,
    readOnly: row.read_only === 'on',
    timeline: row.timeline === null ? undefined : Number(row.timeline),
  };
}
