import { sealResponse } from '@node-replicated/core/adapter';
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { cluster, notesSql, pool, stagePool } from './pool-stage.js';
import { connectTo, during, duringGet, eventually, failureOf, heard, numberOn, request } from './stage.js';

stagePool({
  schema: `
    CREATE TABLE victims (id serial PRIMARY KEY);
    INSERT INTO victims SELECT FROM generate_series(1, 50);
    CREATE TABLE emptied AS SELECT 1 AS x;
    CREATE SEQUENCE numbers;
    CREATE SEQUENCE settable;
    CREATE PROCEDURE note_and_commit(body text) LANGUAGE plpgsql
      AS $$ BEGIN INSERT INTO notes (body) VALUES (body); COMMIT; END $$;`,
});

/** The port of each server from whose pools a connection was taken. */
const taken: number[] = [];

beforeAll(() => {
  pool.on('acquire', (client) => taken.push((client as unknown as { port: number }).port));
});

/** A statement that must end on the primary, and what it leaves there. */
interface WriteCase {
  readonly sql: string;
  /** A number on the primary that each run moves up by exactly one. */
  readonly counts?: string;
  /** A number on the primary that is not 0 once it has run. */
  readonly leaves?: string;
  /** Run on the primary before each run. */
  readonly before?: string;
  /** Whether its first word gives it away, so that not even the first run asks a replica. */
  readonly obvious?: boolean;
}

const counter = (name: string): string => `SELECT n FROM counters WHERE name = '${name}'`;

const writes: Readonly<Record<string, WriteCase>> = {
  INSERT: { sql: "INSERT INTO notes (body) VALUES ('insert')", counts: notesSql('insert'), obvious: true },
  UPDATE: {
    sql: "UPDATE counters SET n = n + 1 WHERE name = 'update'",
    counts: counter('update'),
    obvious: true,
  },
  DELETE: {
    sql: 'DELETE FROM victims WHERE id = (SELECT min(id) FROM victims)',
    counts: 'SELECT 50 - count(*) AS n FROM victims',
    obvious: true,
  },
  MERGE: {
    sql: "MERGE INTO counters USING (SELECT 1) AS s ON name = 'merge' WHEN MATCHED THEN UPDATE SET n = n + 1",
    counts: counter('merge'),
    obvious: true,
  },
  'COPY FROM': {
    sql: "COPY notes (body) FROM PROGRAM 'echo copied'",
    counts: notesSql('copied'),
    obvious: true,
  },
  'a write behind comments and brackets': {
    sql: "-- a note\n /* and another */ ; INSERT INTO notes (body) VALUES ('behind')",
    counts: notesSql('behind'),
    obvious: true,
  },
  'CREATE TABLE': {
    before: 'DROP TABLE IF EXISTS created',
    sql: 'CREATE TABLE created (x int)',
    leaves: "SELECT count(*) AS n FROM pg_class WHERE relname = 'created'",
    obvious: true,
  },
  'ALTER TABLE': {
    before: 'ALTER TABLE notes DROP COLUMN IF EXISTS extra',
    sql: 'ALTER TABLE notes ADD COLUMN extra int',
    leaves: "SELECT count(*) AS n FROM pg_attribute WHERE attname = 'extra' AND NOT attisdropped",
    obvious: true,
  },
  'COMMENT ON': {
    before: 'COMMENT ON TABLE notes IS NULL',
    sql: "COMMENT ON TABLE notes IS 'what was noted'",
    leaves: "SELECT count(*) AS n FROM pg_description WHERE description = 'what was noted'",
    obvious: true,
  },
  GRANT: {
    before: 'REVOKE ALL ON notes FROM PUBLIC',
    sql: 'GRANT SELECT ON notes TO PUBLIC',
    leaves: "SELECT has_table_privilege('pg_monitor', 'notes', 'SELECT')::int AS n",
    obvious: true,
  },
  TRUNCATE: {
    before: 'INSERT INTO emptied VALUES (1)',
    sql: 'TRUNCATE emptied',
    leaves: 'SELECT (count(*) = 0)::int AS n FROM emptied',
    obvious: true,
  },
  'a writing CTE': {
    sql: "WITH w AS (INSERT INTO notes (body) VALUES ('cte') RETURNING port) SELECT port FROM w",
    counts: notesSql('cte'),
  },
  'a function that writes': { sql: "SELECT note_down('function') AS port", counts: notesSql('function') },
  'a procedure that commits': { sql: "CALL note_and_commit('procedure')", counts: notesSql('procedure') },
  nextval: {
    sql: "SELECT nextval('numbers')",
    counts: 'SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS n FROM numbers',
  },
  setval: {
    before: "SELECT setval('settable', 1)",
    sql: "SELECT setval('settable', 42)",
    leaves: 'SELECT (last_value = 42)::int AS n FROM settable',
  },
  'FOR UPDATE': { sql: 'SELECT inet_server_port() AS port FROM counters FOR UPDATE' },
  'FOR SHARE': { sql: 'SELECT inet_server_port() AS port FROM counters FOR SHARE' },
  'DO that writes': {
    sql: "DO $$ BEGIN INSERT INTO notes (body) VALUES ('do'); END $$",
    counts: notesSql('do'),
  },
  'SELECT INTO': {
    before: 'DROP TABLE IF EXISTS selected',
    sql: 'SELECT 1 AS x INTO selected',
    leaves: "SELECT count(*) AS n FROM pg_class WHERE relname = 'selected'",
  },
  'a temporary table': { sql: 'CREATE TEMP TABLE IF NOT EXISTS scratch (x int)', obvious: true },
  lo_create: { sql: 'SELECT lo_create(0)', counts: 'SELECT count(*) AS n FROM pg_largeobject_metadata' },
  LISTEN: { sql: 'LISTEN nobody', obvious: true },
  NOTIFY: { sql: "NOTIFY nobody, 'news'", obvious: true },
  pg_notify: { sql: "SELECT pg_notify('nobody', 'news'), inet_server_port() AS port" },
  txid_current: { sql: 'SELECT txid_current(), inet_server_port() AS port' },
  LOCK: {
    sql: "LOCK TABLE counters IN EXCLUSIVE MODE; UPDATE counters SET n = n + 1 WHERE name = 'lock'",
    counts: counter('lock'),
    obvious: true,
  },
  VACUUM: { sql: 'VACUUM counters', obvious: true },
  'several statements of which a later one writes': {
    sql: "SELECT 1; INSERT INTO notes (body) VALUES ('several')",
    counts: notesSql('several'),
  },
  'EXPLAIN ANALYZE of a write': {
    sql: "EXPLAIN ANALYZE INSERT INTO notes (body) VALUES ('explained')",
    counts: notesSql('explained'),
  },
  'a SERIALIZABLE transaction in one text': {
    sql: "BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO notes (body) VALUES ('serializable'); COMMIT",
    counts: notesSql('serializable'),
    obvious: true,
  },
  'BEGIN READ WRITE in one text': {
    sql: "BEGIN READ WRITE; INSERT INTO notes (body) VALUES ('read write'); COMMIT",
    counts: notesSql('read write'),
    obvious: true,
  },
  pg_current_wal_lsn: { sql: 'SELECT pg_current_wal_lsn(), inet_server_port() AS port' },
  pg_logical_emit_message: {
    sql: "SELECT pg_logical_emit_message(false, 'a', 'b'), inet_server_port() AS port",
  },
  'an advisory lock': {
    sql: 'SELECT pg_advisory_xact_lock(7), inet_server_port() AS port',
    obvious: true,
  },
  'an advisory lock that is tried': {
    sql: 'SELECT pg_try_advisory_xact_lock(8), inet_server_port() AS port',
    obvious: true,
  },
};

describe('a statement that writes, in a GET request', () => {
  describe.each(Object.entries(writes))('%s', (_, { sql, before, counts, leaves, obvious = false }) => {
    /** Runs it in a request of its own. */
    const run = async (): Promise<{ result: pg.QueryResult; ports: Set<number> }> => {
      if (before !== undefined) await cluster.primary.query(before);
      const count = counts === undefined ? 0 : await numberOn(cluster.primary, counts);
      const scope = request('GET');
      taken.length = 0;
      let result: pg.QueryResult | undefined;
      const sent = await heard('statement', async () => {
        result = await during(scope, () => pool.query(sql));
      });
      expect(sent).toMatchObject([{ node: 'primary', role: 'primary', reason: 'write', session: 'writer' }]);
      expect(scope.session.wrote('main')).toBe(true);
      expect(scope.session.uses).toEqual([{ node: 'primary', role: 'primary', reason: 'write' }]);
      if (counts !== undefined) expect(await numberOn(cluster.primary, counts)).toBe(count + 1);
      if (leaves !== undefined) expect(await numberOn(cluster.primary, leaves)).not.toBe(0);
      return { result: result as pg.QueryResult, ports: new Set(taken) };
    };

    it('runs on the primary, once, and marks the request as written', async () => {
      const { result, ports } = await run();
      const port = result.rows?.[0]?.port;
      if (port !== undefined) expect(port).toBe(cluster.primary.serverPort);
      const replicas = cluster.replicas.filter((replica) => ports.has(replica.port));
      expect(replicas).toHaveLength(obvious ? 0 : 1);
    });

    it('goes straight to the primary when it comes again', async () => {
      const { ports } = await run();
      expect([...ports]).toEqual([cluster.primary.port]);
    });
  });

  it('says that a write came from a replica scope', async () => {
    const events = await heard('write-in-replica-scope', () =>
      duringGet(() => pool.query("SELECT note_down('event')")),
    );
    expect(events).toEqual([{ cluster: 'main', request: 'GET /page' }]);
  });

  it('delivers a notification to those who listen on the primary', async () => {
    const listener = await connectTo(cluster.url);
    const payloads: unknown[] = [];
    listener.on('notification', ({ payload }) => payloads.push(payload));
    await listener.query('LISTEN news');
    await duringGet(() => pool.query("SELECT pg_notify('news', 'hello')"));
    await eventually('the notification arrives', () => payloads.length > 0);
    expect(payloads).toEqual(['hello']);
    await listener.end();
  });

  it('gives the error of the primary when the primary cannot do it either', async () => {
    const error = await failureOf(duringGet(() => pool.query("SELECT lo_unlink(0), nextval('missing')")));
    expect(error).toBeInstanceOf(pg.DatabaseError);
    expect(error.code).toBe('42P01');
  });

  it('is pinned: the response sets a cookie', async () => {
    const scope = request('GET');
    await during(scope, () => pool.query("SELECT note_down('cookie')"));
    expect(sealResponse(scope)?.cookie).toMatch(/^replication_pin=/);
  });
});
