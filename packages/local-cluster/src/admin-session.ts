import { Socket } from 'node:net';
import { Client } from 'pg';

/** What a query has brought. */
export interface QueryAnswer<Row = Record<string, unknown>> {
  readonly rows: Row[];
  /** Rows read or changed; 0 for a statement that has no such number. */
  readonly rowCount: number;
}

/** A session that lasts as long as the function it is given to. */
export interface AdminSession {
  query<Row = Record<string, unknown>>(sql: string, values?: readonly unknown[]): Promise<QueryAnswer<Row>>;
}

/**
 * Connects to a server of this machine, runs the function and disconnects. Nothing is kept open
 * between two calls: an idle session would be one more thing that a kill has to break.
 *
 * @param signal cuts the session off, since a frozen server answers neither a query nor a farewell
 */
export async function withSession<Result>(
  port: number,
  signal: AbortSignal,
  use: (session: AdminSession) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const socket = new Socket();
  const client = new Client({
    ...{ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', ssl: false },
    application_name: 'local-cluster',
    stream: () => socket,
  });
  client.on('error', () => undefined); // the query that is under way reports it
  const cutOff = (): Socket => socket.destroy();
  signal.addEventListener('abort', cutOff, { once: true });
  try {
    await client.connect();
    return await use({
      async query<Row>(sql: string, values: readonly unknown[] = []): Promise<QueryAnswer<Row>> {
        const { rows, rowCount } = await client.query(sql, [...values]);
        return { rows: rows as Row[], rowCount: rowCount ?? 0 };
      },
    });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', cutOff);
    if (socket.writable) await client.end().catch(() => undefined);
    socket.destroy();
  }
}
