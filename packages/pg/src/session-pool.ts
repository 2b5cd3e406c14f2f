import { ReplicationError } from '@node-replicated/core';
import { runInScope } from '@node-replicated/core/adapter';
import pg from 'pg';

type ClientClass = new (config?: pg.ClientConfig) => pg.Client;

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
              THEN ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int END AS timeline`;

/**
 * The pool of a node's readers: sessions that begin every transaction read-only, on a primary too, so that the
 * database itself says which statements write.
 *
 * @param onProof told of each new connection whether its session really is read-only; a pooler between here and
 *   the server may have dropped the setting
 */
export function createReaderPool(config: pg.PoolConfig, onProof: (readOnly: boolean) => void): pg.Pool {
  const options = `${config.options ?? ''} -c default_transaction_read_only=on`.trim();
  return createPool({ ...config, password: config.password, options }, async (client) => {
    const { standby, readOnly } = await askSession(client);
    onProof(standby || readOnly);
  });
}

/**
 * The pool of the primary's writers. Each new connection proves that it leads to a primary, and to none of an
 * older timeline, before it is first used.
 *
 * @param newestTimeline gives the highest timeline that was ever seen in the cluster
 */
export function createWriterPool(node: string, config: pg.PoolConfig, newestTimeline: () => number): pg.Pool {
  return createPool({ ...config, password: config.password }, async (client) => {
    const { standby, timeline } = await askSession(client);
    if (!standby && (timeline === undefined || timeline >= newestTimeline())) return;
    throw new ReplicationError(
      'ERR_NOT_PRIMARY',
      standby
        ? `${node} is a replica: nothing can be written there.`
        : `${node} is a primary of timeline ${timeline}, which a promotion has left behind: nothing may be written there.`,
    );
  });
}

function createPool(config: pg.PoolConfig, prove: (client: pg.ClientBase) => Promise<void>): pg.Pool {
  const pool = new pg.Pool({
    ...config,
    password: config.password,
    Client: scopeFree(config.Client as ClientClass | undefined),
    onConnect: async (client) => {
      await prove(client);
      await config.onConnect?.(client);
    },
  });
  // While a client is checked out nobody else listens to it, and an error without a listener ends the process.
  // Whoever waits for a statement is told by the statement.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

async function askSession(client: pg.ClientBase): Promise<SessionFacts> {
  const { rows } = await client.query<{ standby: boolean; read_only: string; timeline: number | null }>(
    question,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('A new connection answered with nothing.');
  return { standby: row.standby, readOnly: row.read_only === 'on', timeline: row.timeline ?? undefined };
}

/**
 * A client whose socket belongs to no request: otherwise every event of the connection would run in the scope of
 * the request that happened to open it.
 */
function scopeFree(Base: ClientClass = pg.Client): ClientClass {
  return class extends Base {
    override connect(): Promise<pg.Client>;
    override connect(callback: (error: Error) => void): void;
    override connect(callback?: (error: Error) => void): Promise<pg.Client> | void {
      return runInScope(undefined, () => {
        if (callback !== undefined) return super.connect(callback);
        return super.connect().then(() => this);
      });
    }
  };
}
