import { runWithReplication, usePrimary, useReplica } from '@node-replicated/core';
import { sealResponse } from '@node-replicated/core/adapter';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  connectTo,
  during,
  duringGet,
  duringPost,
  eventually,
  failureOf,
  heard,
  inUse,
  numberOn,
  openPool,
  request,
  where,
} from './stage.js';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

let cluster: LocalCluster;
let pool: ReplicatedPool;
/** The port of each server from whose pools a connection was taken. */
const taken: number[] = [];

beforeAll(async () => {
  cluster = await startCluster({ replicas: 2 });
  await cluster.primary.query(`
    CREATE TABLE notes (id serial PRIMARY KEY, body text, port int DEFAULT inet_server_port());
    CREATE TABLE counters (name text PRIMARY KEY, n int NOT NULL DEFAULT 0);
    INSERT INTO counters (name) VALUES ('update'), ('merge'), ('lock');
    CREATE TABLE victims (id serial PRIMARY KEY);
    INSERT INTO victims SELECT FROM generate_series(1, 50);
    CREATE TABLE emptied AS SELECT 1 AS x;
    CREATE SEQUENCE numbers;
    CREATE SEQUENCE settable;
    CREATE FUNCTION note_down(body text) RETURNS int LANGUAGE sql
      AS $$ INSERT INTO notes (body) VALUES (body) RETURNING port $$;
    CREATE PROCEDURE note_and_commit(body text) LANGUAGE plpgsql
      AS $$ BEGIN INSERT INTO notes (body) VALUES (body); COMMIT; END $$;`);
  await cluster.waitForCatchUp();
  pool = await openPool(cluster);
  pool.on('acquire', (client) => taken.push((client as unknown as { port: number }).port));
});
afterAll(async () => {
  await pool?.end();
  await cluster?.stop();
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

const notes = (body: string): string => `SELECT count(*) AS n FROM notes WHERE body = '${body}'`;
const counter = (name: string): string => `SELECT n FROM counters WHERE name = '${name}'`;

const writes: Readonly<Record<string, WriteCase>> = {
  INSERT: { sql: "INSERT INTO notes (body) VALUES ('insert')", counts: notes('insert'), obvious: true },
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
    counts: notes('copied'),
    obvious: true,
  },
  'a write behind comments and brackets': {
    sql: "-- a note\n /* and another */ ; INSERT INTO notes (body) VALUES ('behind')",
    counts: notes('behind'),
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
    counts: notes('cte'),
  },
  'a function that writes': { sql: "SELECT note_down('function') AS port", counts: notes('function') },
  'a procedure that commits': { sql: "CALL note_and_commit('procedure')", counts: notes('procedure') },
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
    counts: notes('do'),
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
    counts: notes('several'),
  },
  'EXPLAIN ANALYZE of a write': {
    sql: "EXPLAIN ANALYZE INSERT INTO notes (body) VALUES ('explained')",
    counts: notes('explained'),
  },
  'a SERIALIZABLE transaction in one text': {
    sql: "BEGIN ISOLATION LEVEL SERIALIZABLE; INSERT INTO notes (body) VALUES ('serializable'); COMMIT",
    counts: notes('serializable'),
    obvious: true,
  },
  'BEGIN READ WRITE in one text': {
    sql: "BEGIN READ WRITE; INSERT INTO notes (body) VALUES ('read write'); COMMIT",
    counts: notes('read write'),
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
    expect(sealResponse(scope)).toMatch(/^replication_pin=/);
  });
});

describe('a statement that reads, in a GET request', () => {
  it('runs on a replica, in a read-only session', async () => {
    const place = await duringGet(() => where(pool));
    expect(place).toMatchObject({ standby: true, reader: true });
  });

  it('stays on one replica for the whole request, also when statements run at once', async () => {
    for (let i = 0; i < 20; i++) {
      await duringGet(async () => {
        const first = await where(pool);
        const more = await Promise.all(Array.from({ length: 8 }, () => where(pool)));
        expect(new Set([first, ...more].map(({ port }) => port)).size).toBe(1);
      });
    }
  });

  it('stays on one replica when the very first statements run at once', async () => {
    for (let i = 0; i < 20; i++) {
      const places = await duringGet(() => Promise.all(Array.from({ length: 8 }, () => where(pool))));
      expect(new Set(places.map(({ port }) => port)).size).toBe(1);
    }
  });

  it('uses all replicas over many requests', async () => {
    const ports = new Set<number>();
    for (let i = 0; i < 60; i++) ports.add((await duringGet(() => where(pool))).port);
    expect([...ports].sort()).toEqual(cluster.replicas.map(({ serverPort }) => serverPort).sort());
  });

  it('does not mark the request as written, and sets no cookie', async () => {
    const scope = request('GET');
    await during(scope, () => pool.query('SELECT * FROM notes'));
    expect(scope.session.wrote()).toBe(false);
    expect(sealResponse(scope)).toBeUndefined();
  });

  it('runs on a replica under HEAD', async () => {
    expect(await during(request('HEAD'), () => where(pool))).toMatchObject({ standby: true });
  });

  it.each(['SHOW server_version', 'VALUES (1)', 'TABLE counters', 'EXPLAIN SELECT 1', '( SELECT 1 )'])(
    'is not taken for a write: %s',
    async (sql) => {
      const scope = request('GET');
      const sent = await heard('statement', () => during(scope, () => pool.query(sql)));
      expect(sent).toMatchObject([{ role: 'replica', reason: 'method', session: 'reader' }]);
      expect(scope.session.wrote()).toBe(false);
    },
  );
});

describe('where a request writes', () => {
  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('a SELECT under %s runs on the writer', async (method) => {
    const scope = request(method);
    expect(await during(scope, () => where(pool))).toMatchObject({ standby: false, reader: false });
    expect(scope.session.wrote()).toBe(true);
  });

  it('runs on the writer outside any request', async () => {
    expect(await where(pool)).toMatchObject({ standby: false, reader: false });
  });

  it("a GET's later reads go to the primary's reader, and see what it wrote", async () => {
    await cluster.replicas[0]?.pauseReplay();
    await cluster.replicas[1]?.pauseReplay();
    try {
      await duringGet(async () => {
        expect(await where(pool)).toMatchObject({ standby: true });
        await pool.query("INSERT INTO notes (body) VALUES ('own write')");
        const { rows } = await pool.query(
          "SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS ro FROM notes WHERE body = 'own write'",
        );
        expect(rows).toEqual([{ standby: false, ro: 'on' }]);
      });
    } finally {
      await cluster.replicas[0]?.resumeReplay();
      await cluster.replicas[1]?.resumeReplay();
    }
  });

  it('reads that begin while the write is still under way go to the primary', async () => {
    await duringGet(async () => {
      const write = pool.query("SELECT pg_sleep(0.05); INSERT INTO notes (body) VALUES ('slow')");
      await write;
      const slow = pool.query("INSERT INTO notes (body) SELECT 'slower' FROM pg_sleep(0.1)");
      expect(await where(pool)).toMatchObject({ standby: false });
      await slow;
    });
  });

  it('a read with eventual consistency stays on a replica after a write', async () => {
    await duringGet(async () => {
      await pool.query("INSERT INTO notes (body) VALUES ('eventual')");
      expect(await useReplica({ consistency: 'eventual' }, () => where(pool))).toMatchObject({
        standby: true,
      });
      expect(await where(pool)).toMatchObject({ standby: false, reader: true });
    });
  });

  it('useReplica in a POST reads from a replica, until the request has written', async () => {
    await duringPost(async () => {
      expect(await useReplica(() => where(pool))).toMatchObject({ standby: true });
      await pool.query("INSERT INTO notes (body) VALUES ('post')");
      expect(await useReplica(() => where(pool))).toMatchObject({ standby: false });
    });
  });

  it('another request is not affected', async () => {
    await duringGet(() => pool.query("INSERT INTO notes (body) VALUES ('mine')"));
    expect(await duringGet(() => where(pool))).toMatchObject({ standby: true });
  });
});

describe('reads on the primary', () => {
  it('of a pinned GET do not count as written', async () => {
    const scope = await pinnedGet();
    expect(await during(scope, () => where(pool))).toMatchObject({ standby: false, reader: true });
    expect(scope.session.uses).toEqual([{ node: 'primary', role: 'primary', reason: 'pin' }]);
    expect(scope.session.wrote()).toBe(false);
    expect(sealResponse(scope)).toBeUndefined();
  });

  it('of a pinned GET that writes after all count, and the write happens once', async () => {
    const scope = await pinnedGet();
    await during(scope, () => pool.query("SELECT note_down('pinned')"));
    expect(await numberOn(cluster.primary, notes('pinned'))).toBe(1);
    expect(scope.session.wrote()).toBe(true);
  });

  it('of usePrimary in a GET do not count as written', async () => {
    const scope = request('GET');
    const place = await during(scope, () => usePrimary(() => where(pool)));
    expect(place).toMatchObject({ standby: false, reader: true });
    expect(scope.session.wrote()).toBe(false);
  });

  it('of usePrimary in a GET that writes count', async () => {
    const scope = request('GET');
    await during(scope, () => usePrimary(() => pool.query("SELECT note_down('forced primary')")));
    expect(scope.session.wrote()).toBe(true);
    expect(await numberOn(cluster.primary, notes('forced primary'))).toBe(1);
  });

  it('count as written when a text of several statements switches its session to writing', async () => {
    const own = await openPool(cluster, { name: 'sly' });
    const scope = request('GET');
    await during(scope, () =>
      usePrimary(() =>
        own.query(
          "SELECT 1; SET default_transaction_read_only = off; COMMIT; INSERT INTO notes (body) VALUES ('sly')",
        ),
      ),
    );
    expect(scope.session.wrote()).toBe(true);
    expect(await numberOn(cluster.primary, notes('sly'))).toBe(1);
    await own.end();
  });

  it('stay read-only for the next user when a statement has switched its session to writing', async () => {
    const own = await openPool(cluster, { name: 'switched', max: 1 });
    await duringGet(() =>
      usePrimary(() => own.query("SELECT set_config('default_transaction_read_only', 'off', false)")),
    );
    const scope = request('GET');
    await during(scope, () => usePrimary(() => own.query("SELECT note_down('switched off')")));
    expect(scope.session.wrote()).toBe(true);
    await own.end();
  });

  async function pinnedGet(): Promise<ReturnType<typeof request>> {
    const post = request('POST');
    await during(post, () => pool.query('SELECT 1'));
    const cookie = sealResponse(post)?.split(';', 1).join() ?? '';
    return request('GET', { cookie });
  }
});

describe('jobs', () => {
  it('in role replica read from a replica, and from the primary once they have written', async () => {
    await runWithReplication({ role: 'replica' }, async () => {
      expect(await where(pool)).toMatchObject({ standby: true });
      await pool.query("INSERT INTO notes (body) VALUES ('job')");
      expect(await where(pool)).toMatchObject({ standby: false, reader: true });
    });
  });

  it('in role primary run on the writer', async () => {
    await runWithReplication({}, async () => {
      expect(await where(pool)).toMatchObject({ standby: false, reader: false });
    });
  });
});

describe('errors of a statement', () => {
  it.each([
    ['a table that is missing', 'SELECT * FROM missing', [], '42P01'],
    ['a syntax error', 'SELECT FROM WHERE', [], '42601'],
    ['a division by zero', 'SELECT 1 / $1::int', [0], '22012'],
  ])('come back as pg gives them: %s', async (_, sql, values, code) => {
    const plain = new pg.Pool({ connectionString: cluster.url, max: 1 });
    const expected = await failureOf(plain.query(sql, values));
    await plain.end();
    const error = await failureOf(duringGet(() => pool.query(sql, values)));
    expect(error).toBeInstanceOf(pg.DatabaseError);
    expect(error.code).toBe(code);
    expect({ ...error }).toEqual({ ...expected });
    expect(error.message).toBe(expected.message);
    expect(error.stack).toContain('statements.test');
  });

  it('of a write come back as pg gives them, from the primary', async () => {
    const error = await failureOf(
      duringGet(() => pool.query("INSERT INTO counters (name) VALUES ('update')")),
    );
    expect(error).toBeInstanceOf(pg.DatabaseError);
    expect(error).toMatchObject({ code: '23505', table: 'counters', constraint: 'counters_pkey' });
  });

  it('leave no connection behind', async () => {
    for (let i = 0; i < 30; i++) {
      await failureOf(duringGet(() => pool.query('SELECT * FROM missing')));
      await failureOf(pool.query('SELECT * FROM missing'));
    }
    await eventually('all connections are idle', () => inUse(pool) === 0);
    expect(pool.totalCount).toBeLessThanOrEqual(30);
  });

  it('do not cost a connection', async () => {
    const own = await openPool(cluster, { name: 'errors', max: 1 });
    const pids = new Set<number>();
    for (let i = 0; i < 3; i++) {
      await failureOf(own.query('SELECT * FROM missing'));
      pids.add((await own.query('SELECT pg_backend_pid() AS pid')).rows[0]?.pid);
    }
    expect(pids.size).toBe(1);
    await own.end();
  });

  it('are told to a callback', async () => {
    const error = await new Promise((resolve) => {
      duringGet(() => pool.query('SELECT * FROM missing', (failure: Error) => resolve(failure)));
    });
    expect(error).toMatchObject({ code: '42P01' });
  });

  it('of values that pg cannot send are told too, and leave no connection behind', async () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    await expect(duringGet(() => pool.query('SELECT $1', [loop]))).rejects.toThrow(TypeError);
    await eventually('all connections are idle', () => inUse(pool) === 0);
  });

  it('of no statement at all are told too', async () => {
    await expect(pool.query(undefined as never)).rejects.toThrow(TypeError);
    await eventually('all connections are idle', () => inUse(pool) === 0);
  });
});

describe('all forms of pool.query', () => {
  const get = <T>(fn: () => T): T => duringGet(fn);

  it('text and values', async () => {
    const { rows } = await get(() => pool.query('SELECT $1::int + $2::int AS sum', [1, 2]));
    expect(rows).toEqual([{ sum: 3 }]);
  });

  it('a config object, which may be used again', async () => {
    const config = { text: 'SELECT $1::int AS n, pg_is_in_recovery() AS standby', values: [5] };
    for (let i = 0; i < 3; i++) {
      const { rows } = await get(() => pool.query(config));
      expect(rows).toEqual([{ n: 5, standby: true }]);
    }
    expect(Object.keys(config)).toEqual(['text', 'values']);
  });

  it('a config object and values', async () => {
    const { rows } = await get(() => pool.query({ text: 'SELECT $1::int AS n' } as never, [6]));
    expect(rows).toEqual([{ n: 6 }]);
  });

  it('rows as arrays', async () => {
    const { rows } = await get(() => pool.query({ text: 'SELECT 1, 2', rowMode: 'array' }));
    expect(rows).toEqual([[1, 2]]);
  });

  it('named statements, on each server that they run on', async () => {
    const named = { name: 'by-port', text: 'SELECT inet_server_port() AS port, $1::int AS n' };
    for (let i = 0; i < 10; i++) {
      const { rows } = await get(() => pool.query({ ...named, values: [i] }));
      expect(rows[0]?.n).toBe(i);
      expect((await pool.query({ ...named, values: [i] })).rows[0]?.port).toBe(cluster.primary.serverPort);
    }
  });

  it('a named statement that writes, in a GET', async () => {
    const named = { name: 'note', text: 'SELECT note_down($1)' };
    for (let i = 0; i < 3; i++) await get(() => pool.query({ ...named, values: ['named'] }));
    expect(await numberOn(cluster.primary, notes('named'))).toBe(3);
  });

  it('text and callback', async () => {
    const rows = await new Promise((resolve, reject) => {
      const answer = get(() =>
        pool.query('SELECT 7 AS n', (error: Error, result: pg.QueryResult) =>
          error ? reject(error) : resolve(result.rows),
        ),
      );
      expect(answer).toBeUndefined();
    });
    expect(rows).toEqual([{ n: 7 }]);
  });

  it('text, values and callback', async () => {
    const rows = await new Promise((resolve, reject) => {
      get(() =>
        pool.query('SELECT $1::int AS n', [8], (error, result) =>
          error ? reject(error) : resolve(result.rows),
        ),
      );
    });
    expect(rows).toEqual([{ n: 8 }]);
  });

  it('a callback whose statement writes, in a GET', async () => {
    await new Promise<void>((resolve, reject) => {
      get(() =>
        pool.query('SELECT note_down($1)', ['by callback'], (error) => (error ? reject(error) : resolve())),
      );
    });
    expect(await numberOn(cluster.primary, notes('by callback'))).toBe(1);
  });

  it('a pg.Query', async () => {
    const result = await get(() => pool.query(new pg.Query('SELECT pg_is_in_recovery() AS standby')));
    expect((result as unknown as pg.QueryResult).rows).toEqual([{ standby: true }]);
    await eventually('all connections are idle', () => inUse(pool) === 0);
  });

  it('a pg.Query gives its rows as events', async () => {
    const rows: unknown[] = [];
    const query = new pg.Query('SELECT generate_series(1, 3) AS n');
    query.on('row', (row: unknown) => rows.push(row));
    await get(() => pool.query(query));
    expect(rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('a pg.Query that writes goes to the primary by its first word', async () => {
    await get(() => pool.query(new pg.Query("INSERT INTO notes (body) VALUES ('submitted')")));
    expect(await numberOn(cluster.primary, notes('submitted'))).toBe(1);
  });

  it('a pg.Query that turns out to write fails, and is sent to the primary the next time', async () => {
    const sql = "SELECT note_down('submitted unseen')";
    await expect(get(() => pool.query(new pg.Query(sql)))).rejects.toMatchObject({ code: '25006' });
    await get(() => pool.query(new pg.Query(sql)));
    expect(await numberOn(cluster.primary, notes('submitted unseen'))).toBe(1);
  });

  it('several statements, with a result for each', async () => {
    const results = (await get(() => pool.query('SELECT 1 AS a; SELECT 2 AS b'))) as unknown;
    expect((results as pg.QueryResult[]).map(({ rows }) => rows)).toEqual([[{ a: 1 }], [{ b: 2 }]]);
  });

  it('an empty text', async () => {
    expect((await get(() => pool.query(''))).rows).toEqual([]);
  });

  it('values of all kinds arrive on the primary after a replica has refused them', async () => {
    const when = new Date(Date.UTC(2026, 5, 1));
    const values = ['text', 1, true, null, when, Buffer.from('bytes'), ['a', 'b'], { json: [1] }];
    const { rows } = await get(() =>
      pool.query(
        `SELECT note_down($1::text) AS port, $2::int AS int, $3::bool AS bool, $4::text AS nothing,
                $5::timestamptz AS time, $6::bytea AS bytes, $7::text[] AS list, $8::jsonb AS json`,
        values,
      ),
    );
    expect(rows).toEqual([
      {
        port: cluster.primary.serverPort,
        int: 1,
        bool: true,
        nothing: null,
        time: when,
        bytes: Buffer.from('bytes'),
        list: ['a', 'b'],
        json: { json: [1] },
      },
    ]);
  });

  it('types of a config are used', async () => {
    const types = { getTypeParser: () => (text: string) => `<${text}>` };
    const { rows } = await get(() => pool.query({ text: 'SELECT 1 AS n', types: types as never }));
    expect(rows).toEqual([{ n: '<1>' }]);
  });

  it('a function in place of a statement is refused in the words of pg-pool', async () => {
    const error = await new Promise<Error>((resolve) => pool.query(resolve as never));
    expect(error.message).toBe('Passing a function as the first parameter to pool.query is not supported');
  });
});

describe("onWriteInReplicaScope: 'reject'", () => {
  let strict: ReplicatedPool;
  beforeAll(async () => {
    strict = await openPool(cluster, { name: 'strict', onWriteInReplicaScope: 'reject' });
  });
  afterAll(() => strict?.end());

  it('fails a write in a GET, naming the request and the statement without its data', async () => {
    const error = await failureOf(
      duringGet(() => strict.query("INSERT INTO notes (body, port) VALUES ('Ada''s secret', 4711)")),
    );
    expect(error.code).toBe('ERR_WRITE_IN_REPLICA_SCOPE');
    expect(error.message).toContain('GET /page');
    expect(error.message).toContain('INSERT INTO notes (body, port) VALUES');
    expect(error.message).not.toMatch(/secret|4711/);
    expect(await numberOn(cluster.primary, notes("Ada''s secret"))).toBe(0);
  });

  it('fails a write that only the database notices', async () => {
    const error = await failureOf(duringGet(() => strict.query("SELECT note_down('never')")));
    expect(error.code).toBe('ERR_WRITE_IN_REPLICA_SCOPE');
    expect(await numberOn(cluster.primary, notes('never'))).toBe(0);
  });

  it('does not mark the request as written', async () => {
    const scope = request('GET');
    await failureOf(during(scope, () => strict.query("SELECT note_down('never')")));
    expect(scope.session.wrote()).toBe(false);
  });

  it('fails a write of a leased client too', async () => {
    const error = await failureOf(
      duringGet(async () => {
        const client = await strict.connect();
        try {
          return await client.query("SELECT note_down('never')");
        } finally {
          client.release();
        }
      }),
    );
    expect(error.code).toBe('ERR_WRITE_IN_REPLICA_SCOPE');
  });

  it('lets usePrimary and a POST write', async () => {
    await duringGet(() => usePrimary(() => strict.query("SELECT note_down('allowed')")));
    await duringPost(() => strict.query("SELECT note_down('allowed')"));
    expect(await numberOn(cluster.primary, notes('allowed'))).toBe(2);
  });

  it('names a job when there is no request', async () => {
    const error = await failureOf(
      runWithReplication({ role: 'replica' }, () => strict.query("SELECT note_down('never')")),
    );
    expect(error.message).toContain('A job');
  });
});

describe('session state', () => {
  it('a transaction that a single statement leaves open is closed with its connection', async () => {
    const events = await heard('dirty-release', () =>
      pool.query("BEGIN; INSERT INTO notes (body) VALUES ('open')"),
    );
    expect(events).toEqual([{ cluster: 'main', node: 'primary' }]);
    await eventually('all connections are idle', () => inUse(pool) === 0);
    expect(await numberOn(cluster.primary, notes('open'))).toBe(0);
  });

  it('a statement that a single transaction leaves failed is closed with its connection', async () => {
    await failureOf(pool.query('BEGIN; SELECT * FROM missing'));
    await eventually('all connections are idle', () => inUse(pool) === 0);
    for (let i = 0; i < 15; i++) expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('query_timeout ends the wait, and its connection', async () => {
    const own = await openPool(cluster, { name: 'timeouts', query_timeout: 1_000, max: 1 });
    await expect(duringGet(() => own.query('SELECT pg_sleep(10)'))).rejects.toThrow('Query read timeout');
    expect((await duringGet(() => own.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
    await own.end();
  });

  it('statement_timeout is an error like any other', async () => {
    const own = await openPool(cluster, { name: 'timeouts', statement_timeout: 1_000, max: 1 });
    await expect(duringGet(() => own.query('SELECT pg_sleep(10)'))).rejects.toMatchObject({ code: '57014' });
    expect((await duringGet(() => own.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
    await own.end();
  });
});
