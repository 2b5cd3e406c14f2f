import type pg from 'pg';
import { currentTrace } from './statement-trace.js';

interface Witnessed<Row> {
  readonly port: number;
  readonly standby: boolean;
  readonly rows: readonly Row[];
}

/**
 * The demo's door to the pool. An application would call `pool.query` itself; here each statement also asks the
 * server that runs it who it is, so that pages do not have to take the library's word for it.
 */
export class Database {
  readonly #pool: pg.Pool;
  readonly #nodeAt: (port: number) => string;

  /** @param nodeAt names the node whose server listens on a port */
  constructor(pool: pg.Pool, nodeAt: (port: number) => string) {
    this.#pool = pool;
    this.#nodeAt = nodeAt;
  }

  /** Runs one statement, reading or writing, and returns its rows. */
  async rows<Row>(sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    const note = currentTrace()?.begin(sql);
    const { rows } = await this.#pool.query<Witnessed<Row>>(witnessed(sql), [...values]);
    const [answer] = rows;
    if (answer === undefined) throw new Error('A SELECT without FROM has returned no row.');
    const { port, standby } = answer;
    note?.({ port, standby, name: this.#nodeAt(port) });
    return answer.rows;
  }
}

function witnessed(sql: string): string {
  return `WITH answer AS (${sql})
    SELECT inet_server_port() AS port, pg_is_in_recovery() AS standby,
           (SELECT coalesce(json_agg(answer), '[]') FROM answer) AS rows`;
}
