import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { usePrimary, useReplica } from '@node-replicated/core';
import { currentScope } from '@node-replicated/core/adapter';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
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
  within,
} from './stage.js';

vi.setConfig({ testTimeout: 20_000, hookTimeout: 60_000 });

let cluster: LocalCluster;
let pool: ReplicatedPool;

beforeAll(async () => {
  cluster = await startCluster({ replicas: 2, settings: { max_standby_streaming_delay: '100ms' } });
  await cluster.primary.query(`
    CREATE TABLE notes (id serial PRIMARY KEY, body text, port int DEFAULT inet_server_port());
    CREATE TABLE locked (x int);
    CREATE FUNCTION note_down(body text) RETURNS int LANGUAGE sql
      AS $$ INSERT INTO notes (body) VALUES (body) RETURNING port $$`);
  await cluster.waitForCatchUp();
  pool = await openPool(cluster);
});
afterEach(async () => {
  try {
    await eventually('every connection was given back', () => inUse(pool) === 0, 2_000);
  } catch (error) {
    // One test's leak is not the next one's.
    pool = await openPool(cluster);
    throw error;
  }
});
afterAll(async () => {
  if (pool !== undefined) await within(5_000, 'the end of the pool', pool.end());
  await cluster?.stop();
});

/** Runs a function with a leased client, and releases it. */
async function leased<T>(fn: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    return await fn(client);
  } finally {
    client.release();
  }
}

const notes = (body: string): Promise<number> =>
  numberOn(cluster.primary, `SELECT count(*) AS n FROM notes WHERE body = '${body}'`);

describe('a client leased in a GET request', () => {
  it('reads from one replica', async () => {
    const scope = request('GET');
    await during(scope, () =>
      leased(async (client) => {
        const first = await where(client);
        expect(first).toMatchObject({ standby: true, reader: true });
        expect(await where(client)).toEqual(first);
        expect(await where(pool)).toEqual(first);
      }),
    );
    expect(scope.session.wrote()).toBe(false);
  });

  it('runs BEGIN … INSERT … COMMIT on the primary', async () => {
    const scope = request('GET');
    await during(scope, () =>
      leased(async (client) => {
        await client.query('BEGIN');
        await client.query("INSERT INTO notes (body) VALUES ('transaction')");
        expect(await where(client)).toMatchObject({ standby: false, reader: false });
        await client.query('COMMIT');
      }),
    );
    expect(await notes('transaction')).toBe(1);
    expect(scope.session.wrote()).toBe(true);
  });

  it('moves to the primary for BEGIN after it has read the version', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('SELECT version()');
        expect(await where(client)).toMatchObject({ standby: true });
        await client.query('BEGIN');
        await client.query("INSERT INTO notes (body) VALUES ('after version')");
        await client.query('COMMIT');
        expect(await where(client)).toMatchObject({ standby: false, reader: false });
      }),
    );
    expect(await notes('after version')).toBe(1);
  });

  it('keeps what SET has set for its later reads', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query("SET application_name = 'kept'");
        const { rows } = await client.query("SELECT current_setting('application_name') AS name");
        expect(rows).toEqual([{ name: 'kept' }]);
        await client.query('RESET application_name');
      }),
    );
  });

  it('keeps what set_config has set when it moves to the primary', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query("SELECT set_config('app.user', $1, false)", ['Ada']);
        await client.query("INSERT INTO notes (body) VALUES (current_setting('app.user', true))");
        await client.query("SELECT set_config('app.user', '', false)");
      }),
    );
    expect(await notes('Ada')).toBe(1);
  });

  it('keeps a prepared statement', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('PREPARE twice AS SELECT $1::int * 2 AS n');
        expect((await client.query('EXECUTE twice(4)')).rows).toEqual([{ n: 8 }]);
        await client.query('DEALLOCATE twice');
      }),
    );
  });

  it('stays on the replica for BEGIN READ ONLY', async () => {
    const scope = request('GET');
    await during(scope, () =>
      leased(async (client) => {
        await client.query('BEGIN READ ONLY');
        expect(await where(client)).toMatchObject({ standby: true });
        await client.query('COMMIT');
        expect(await where(client)).toMatchObject({ standby: true });
      }),
    );
    expect(scope.session.wrote()).toBe(false);
  });

  it('stays on the replica for START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
        expect(await where(client)).toMatchObject({ standby: true });
        await client.query('COMMIT');
      }),
    );
  });

  it('stays on the replica for BEGIN when the role was forced', async () => {
    await duringGet(() =>
      useReplica(() =>
        leased(async (client) => {
          await client.query('BEGIN');
          expect(await where(client)).toMatchObject({ standby: true });
          await client.query('COMMIT');
        }),
      ),
    );
  });

  it('gives a hint when a forced transaction writes, and does not try it elsewhere', async () => {
    await duringGet(() =>
      useReplica(() =>
        leased(async (client) => {
          await client.query('BEGIN');
          const error = await failureOf(client.query("INSERT INTO notes (body) VALUES ('forced')"));
          expect(error).toMatchObject({ code: '25006', hint: expect.stringContaining('usePrimary()') });
          await client.query('ROLLBACK');
        }),
      ),
    );
    expect(await notes('forced')).toBe(0);
  });

  it.each(['BEGIN ISOLATION LEVEL SERIALIZABLE', 'BEGIN READ WRITE'])(
    'runs %s on the primary',
    async (sql) => {
      await duringGet(() =>
        leased(async (client) => {
          await client.query(sql);
          expect(await where(client)).toMatchObject({ standby: false });
          await client.query('COMMIT');
        }),
      );
    },
  );

  it('runs a SERIALIZABLE READ ONLY transaction, which no replica can, on the primary', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY');
        expect(await where(client)).toMatchObject({ standby: false });
        await client.query('COMMIT');
      }),
    );
  });

  it('moves for a lone statement that writes, and runs it once', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('SELECT 1');
        const { rows } = await client.query("SELECT note_down('lone') AS port");
        expect(rows).toEqual([{ port: cluster.primary.serverPort }]);
        expect(await where(client)).toMatchObject({ standby: false, reader: false });
      }),
    );
    expect(await notes('lone')).toBe(1);
  });

  it('moves at most once and never back', async () => {
    const events = await heard('statement', () =>
      duringGet(() =>
        leased(async (client) => {
          for (let i = 0; i < 3; i++) {
            await client.query('SELECT 1');
            await client.query("INSERT INTO notes (body) VALUES ('to and fro')");
          }
        }),
      ),
    );
    const sessions = events.map(({ session }) => session);
    expect(sessions).toEqual(['reader', 'writer', 'writer', 'writer', 'writer', 'writer']);
  });

  it('never moves inside a transaction', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('BEGIN READ ONLY');
        const first = await where(client);
        await expect(client.query("SELECT note_down('inside')")).rejects.toMatchObject({ code: '25006' });
        await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
        await client.query('ROLLBACK');
        expect(await where(client)).toEqual(first);
      }),
    );
    expect(await notes('inside')).toBe(0);
  });

  it('reads what its request has written through the pool meanwhile', async () => {
    await Promise.all(cluster.replicas.map((replica) => replica.pauseReplay()));
    try {
      await duringGet(() =>
        leased(async (client) => {
          expect(await where(client)).toMatchObject({ standby: true });
          await pool.query("INSERT INTO notes (body) VALUES ('meanwhile')");
          const { rows } = await client.query(
            "SELECT count(*)::int AS n FROM notes WHERE body = 'meanwhile'",
          );
          expect(rows).toEqual([{ n: 1 }]);
        }),
      );
    } finally {
      await Promise.all(cluster.replicas.map((replica) => replica.resumeReplay()));
    }
  });

  it('reads on the primary inside usePrimary, although it has read from a replica before', async () => {
    await duringGet(() =>
      leased(async (client) => {
        expect(await where(client)).toMatchObject({ standby: true });
        expect(await usePrimary(() => where(client))).toMatchObject({ standby: false });
      }),
    );
  });

  it('takes no connection before its first statement', async () => {
    const client = await duringGet(() => pool.connect());
    expect(inUse(pool)).toBe(0);
    client.release();
  });

  it('runs under the scope of its caller, not of the one who checked it out', async () => {
    const client = await duringGet(() => pool.connect());
    expect(await duringPost(() => where(client))).toMatchObject({ standby: false, reader: false });
    client.release();
  });
});

describe('a client leased in a POST request', () => {
  it('is on the writer from the start', async () => {
    await duringPost(async () => {
      const client = await pool.connect();
      expect(client.getTransactionStatus()).toBe('I');
      expect((client as unknown as { processID: number }).processID).toBeGreaterThan(0);
      expect(await where(client)).toMatchObject({ standby: false, reader: false });
      client.release();
    });
  });

  it('keeps the write open until it is released', async () => {
    const scope = request('POST');
    await during(scope, async () => {
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query("INSERT INTO notes (body) VALUES ('open')");
      expect(scope.session.written.get('main')).toBe('unknown');
      await client.query('COMMIT');
      client.release();
      await eventually('the write is over', async () => {
        await scope.session.takePositions();
        return scope.session.written.get('main') !== 'unknown';
      });
    });
  });

  it('does not count a READ ONLY transaction as written', async () => {
    const scope = request('POST');
    await during(scope, () =>
      leased(async (client) => {
        await client.query('BEGIN READ ONLY');
        await client.query('SELECT count(*) FROM notes');
        await client.query('COMMIT');
      }),
    );
    expect(scope.session.wrote()).toBe(false);
  });

  it('counts what follows a READ ONLY transaction', async () => {
    const scope = request('POST');
    await during(scope, () =>
      leased(async (client) => {
        await client.query('BEGIN READ ONLY');
        await client.query('COMMIT');
        await client.query("SELECT note_down('after read only')");
      }),
    );
    expect(scope.session.wrote()).toBe(true);
  });
});

describe('order', () => {
  it.each(['GET', 'POST'])('is kept by statements that nobody awaits, in a %s', async (method) => {
    const body = `ordered ${method}`;
    const done: string[] = [];
    await during(request(method), async () => {
      const client = await pool.connect();
      const run = (name: string, sql: string): Promise<unknown> =>
        client.query(sql).then(() => done.push(name));
      const all = [
        run('select', 'SELECT 1'),
        run('begin', 'BEGIN'),
        run('insert', `INSERT INTO notes (body) VALUES ('${body}')`),
        run('count', 'SELECT count(*) FROM notes'),
        run('commit', 'COMMIT'),
        run('after', 'SELECT 2'),
      ];
      client.release();
      await Promise.all(all);
    });
    expect(done).toEqual(['select', 'begin', 'insert', 'count', 'commit', 'after']);
    expect(await notes(body)).toBe(1);
  });

  it.each(['GET', 'POST'])('is kept by callbacks, in a %s', async (method) => {
    const done: string[] = [];
    await during(request(method), async () => {
      const client = await pool.connect();
      await new Promise<void>((resolve) => {
        client.query('SELECT 1', () => done.push('first'));
        client.query("SELECT note_down('by callback')", () => done.push('second'));
        client.query('SELECT $1::int', [1], () => {
          done.push('third');
          resolve();
        });
      });
      client.release();
    });
    expect(done).toEqual(['first', 'second', 'third']);
  });

  it('a COMMIT that nobody awaits is finished before the connection is used again', async () => {
    for (let i = 0; i < 10; i++) {
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query("INSERT INTO notes (body) VALUES ('not awaited')");
      const commit = client.query('COMMIT');
      client.release();
      await commit;
    }
    expect(await notes('not awaited')).toBe(10);
  });

  it('a statement that fails between others does not stop those behind it', async () => {
    await duringGet(() =>
      leased(async (client) => {
        const failing = failureOf(client.query('SELECT * FROM missing'));
        const next = client.query('SELECT 1 AS one');
        expect(await failing).toMatchObject({ code: '42P01' });
        expect((await next).rows).toEqual([{ one: 1 }]);
      }),
    );
  });

  it('a callback that throws is called once', async () => {
    const calls: unknown[][] = [];
    const thrown = new Error('thrown by a callback');
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const surfaced = new Promise((resolve) => process.once('uncaughtException', resolve));
    try {
      await duringGet(async () => {
        const client = await pool.connect();
        client.query('SELECT 1', (...args: unknown[]) => {
          calls.push(args);
          if (calls.length === 1) throw thrown;
        });
        const next = within(3_000, 'the next statement', client.query('SELECT 2 AS two'));
        client.release();
        expect((await next).rows).toEqual([{ two: 2 }]);
      });
      expect(calls).toHaveLength(1);
      expect(await within(2_000, 'the error surfaces', surfaced)).toBe(thrown);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const other of others) process.on('uncaughtException', other);
    }
  });
});

describe('release', () => {
  it('after an error in a transaction leaves all connections clean', async () => {
    const own = await openPool(cluster, { name: 'clean', max: 2 });
    for (const method of ['GET', 'POST']) {
      await during(request(method), async () => {
        const client = await own.connect();
        await client.query('BEGIN');
        await client.query("INSERT INTO notes (body) VALUES ('left')");
        await failureOf(client.query('SELECT * FROM missing'));
        await client.query('ROLLBACK');
        client.release();
      });
      await expectAllClean(own);
    }
    expect(await notes('left')).toBe(0);
    await own.end();
  });

  it.each([
    ['open', async (client: pg.PoolClient) => void (await client.query('BEGIN'))],
    [
      'failed',
      async (client: pg.PoolClient) => {
        await client.query('BEGIN');
        await failureOf(client.query('SELECT * FROM missing'));
      },
    ],
    [
      'open and unanswered',
      async (client: pg.PoolClient) => {
        client.query('BEGIN').catch(() => undefined);
        client.query("INSERT INTO notes (body) VALUES ('left')").catch(() => undefined);
      },
    ],
  ])('inside an %s transaction closes the connection and says so', async (_, prepare) => {
    const own = await openPool(cluster, { name: 'dirty', max: 1 });
    const events = await heard(
      'dirty-release',
      async () => {
        const client = await own.connect();
        await prepare(client);
        client.release();
        await eventually('it was given back', () => inUse(own) === 0);
      },
      'dirty',
    );
    expect(events).toEqual([{ cluster: 'dirty', node: 'primary' }]);
    await expectAllClean(own);
    expect(await notes('left')).toBe(0);
    await own.end();
  });

  it('inside an open READ ONLY transaction on a replica closes the connection and says so', async () => {
    const events = await heard('dirty-release', async () => {
      await duringGet(async () => {
        const client = await pool.connect();
        await client.query('BEGIN READ ONLY');
        client.release();
      });
      await eventually('it was given back', () => inUse(pool) === 0);
    });
    expect(events).toMatchObject([{ cluster: 'main', node: expect.stringMatching(/^replica-/) }]);
  });

  it("a second time throws in pg-pool's words", async () => {
    for (const method of ['GET', 'POST']) {
      await during(request(method), async () => {
        const client = await pool.connect();
        client.release();
        expect(() => client.release()).toThrow(
          'Release called on client which has already been released to the pool.',
        );
      });
    }
  });

  it.each(['GET', 'POST'])('makes later statements fail, in a %s', async (method) => {
    await during(request(method), async () => {
      const client = await pool.connect();
      await client.query('SELECT 1');
      client.release();
      await expect(client.query('SELECT 1')).rejects.toThrow('not queryable');
    });
  });

  it.each([
    ['GET', true],
    ['POST', true],
    ['GET', new Error('broken')],
    ['POST', new Error('broken')],
  ])('in a %s with %s closes the connection', async (method, reason) => {
    await during(request(method), async () => {
      const client = await pool.connect();
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid, inet_server_port() AS port');
      client.release(reason);
      await expectGone(rows[0]);
    });
  });

  it.each(['GET', 'POST'])("in a %s with the database's own error closes the connection", async (method) => {
    await during(request(method), async () => {
      const client = await pool.connect();
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid, inet_server_port() AS port');
      const error = await failureOf(client.query('SELECT * FROM missing'));
      client.release(error);
      await eventually('it was given back', () => inUse(pool) === 0, 2_000);
      await expectGone(rows[0]);
    });
  });

  it.each(['GET', 'POST'])(
    'in a %s with an error does not wait for a statement that is under way',
    async (method) => {
      await during(request(method), async () => {
        const client = await pool.connect();
        await client.query('SELECT 1');
        const slow = failureOf(client.query('SELECT pg_sleep(10)'));
        client.release(new Error('given up'));
        await within(2_000, 'the statement ends', slow);
      });
    },
  );

  it.each(['GET', 'POST'])(
    'in a %s with a cursor that is still open gives the connection up',
    async (method) => {
      await during(request(method), async () => {
        const client = await pool.connect();
        const cursor = client.query(new Cursor('SELECT generate_series(1, 1000)'));
        expect(await cursor.read(2)).toHaveLength(2);
        client.release();
        await eventually('it was given back', () => inUse(pool) === 0, 4_000);
      });
    },
  );

  async function expectGone({ pid, port }: { pid: number; port: number }): Promise<void> {
    const node = cluster.nodes.find(({ serverPort }) => serverPort === port) ?? cluster.primary;
    await eventually(
      'the session is gone',
      async () => {
        return (await numberOn(node, `SELECT count(*) AS n FROM pg_stat_activity WHERE pid = ${pid}`)) === 0;
      },
      3_000,
    );
  }

  async function expectAllClean(own: ReplicatedPool): Promise<void> {
    await eventually('all are idle', () => inUse(own) === 0);
    const clients = await Promise.all(Array.from({ length: own.options.max }, () => own.connect()));
    for (const client of clients) {
      expect(client.getTransactionStatus()).toBe('I');
      const { rows } = await client.query('SELECT now() = statement_timestamp() AS fresh');
      expect(rows).toEqual([{ fresh: true }]);
      client.release();
    }
  }
});

describe('query_timeout', () => {
  it.each(['GET', 'POST'])('ends the wait of a leased client in a %s', async (method) => {
    const own = await openPool(cluster, { name: 'impatient', query_timeout: 1_000 });
    await during(request(method), async () => {
      const client = await own.connect();
      const began = performance.now();
      await expect(client.query('SELECT pg_sleep(8)')).rejects.toThrow('Query read timeout');
      expect(performance.now() - began).toBeLessThan(5_000);
      client.release(true);
    });
    await own.end();
  });
});

describe.each(['GET', 'POST'])('cursors, streams and COPY in a %s', (method) => {
  const inside = <T>(fn: (client: pg.PoolClient) => Promise<T>): Promise<T> =>
    during(request(method), () => leased(fn));

  it('pg-cursor reads in portions', async () => {
    await inside(async (client) => {
      const cursor = client.query(new Cursor('SELECT generate_series(1, 5) AS n, pg_is_in_recovery() AS s'));
      const standby = method === 'GET';
      expect(await cursor.read(2)).toEqual([
        { n: 1, s: standby },
        { n: 2, s: standby },
      ]);
      expect(await cursor.read(10)).toHaveLength(3);
      await cursor.close();
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('pg-cursor may be closed early, and inside a transaction', async () => {
    await inside(async (client) => {
      await client.query('BEGIN');
      const cursor = client.query(new Cursor('SELECT generate_series(1, 1000) AS n'));
      expect(await cursor.read(1)).toEqual([{ n: 1 }]);
      await cursor.close();
      await client.query('COMMIT');
    });
  });

  it('pg-cursor tells of an error', async () => {
    await inside(async (client) => {
      const cursor = client.query(new Cursor('SELECT 1 / (3 - n) FROM generate_series(1, 5) AS n'));
      await expect(cursor.read(10)).rejects.toMatchObject({ code: '22012' });
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('pg-query-stream flows', async () => {
    await inside(async (client) => {
      const rows: unknown[] = [];
      for await (const row of client.query(new QueryStream('SELECT generate_series(1, 300) AS n')))
        rows.push(row);
      expect(rows).toHaveLength(300);
    });
  });

  it('pg-query-stream may be left early', async () => {
    await inside(async (client) => {
      for await (const _ of client.query(new QueryStream('SELECT generate_series(1, 100000) AS n'))) break;
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('COPY TO flows', async () => {
    await inside(async (client) => {
      let text = '';
      const sink = new Writable({
        write(chunk, _, done) {
          text += chunk;
          done();
        },
      });
      await pipeline(client.query(copyTo('COPY (SELECT generate_series(1, 3)) TO STDOUT')), sink);
      expect(text).toBe('1\n2\n3\n');
    });
  });

  it('COPY FROM flows, to the primary', async () => {
    const body = `copied ${method}`;
    await inside(async (client) => {
      const lines = Array.from({ length: 100 }, () => `${body}\n`);
      await pipeline(Readable.from(lines), client.query(copyFrom('COPY notes (body) FROM STDIN')));
    });
    expect(await notes(body)).toBe(100);
  });

  it('COPY FROM whose source fails copies nothing, and leaves the client usable', async () => {
    const body = `broken ${method}`;
    await inside(async (client) => {
      const source = Readable.from(
        (function* lines() {
          yield `${body}\n`;
          throw new Error('no more');
        })(),
      );
      await expect(pipeline(source, client.query(copyFrom('COPY notes (body) FROM STDIN')))).rejects.toThrow(
        'no more',
      );
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
    expect(await notes(body)).toBe(0);
  });

  it('a pg.Query gives its rows as events', async () => {
    await inside(async (client) => {
      const rows: unknown[] = [];
      const query = client.query(new pg.Query('SELECT generate_series(1, 3) AS n'));
      query.on('row', (row: unknown) => rows.push(row));
      await once(query, 'end');
      expect(rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    });
  });
});

it('COPY TO in a GET reads from a replica, and does not count as written', async () => {
  const scope = request('GET');
  let text = '';
  await during(scope, () =>
    leased(async (client) => {
      const sink = new Writable({
        write(chunk, _, done) {
          text += chunk;
          done();
        },
      });
      await pipeline(client.query(copyTo('COPY (SELECT pg_is_in_recovery()) TO STDOUT')), sink);
    }),
  );
  expect(text).toBe('t\n');
  expect(scope.session.wrote()).toBe(false);
});

it('a cursor that turns out to write goes straight to the primary the next time', async () => {
  const sql = "SELECT note_down('by cursor')";
  await duringGet(() =>
    leased(async (client) => {
      await expect(client.query(new Cursor(sql)).read(1)).rejects.toMatchObject({ code: '25006' });
    }),
  );
  await duringGet(() =>
    leased(async (client) => {
      const cursor = client.query(new Cursor(sql));
      expect(await cursor.read(1)).toHaveLength(1);
      await cursor.close();
    }),
  );
  expect(await notes('by cursor')).toBe(1);
});

describe('events of a leased client', () => {
  it('a notification arrives, on a lease that began with a read in a GET', async () => {
    await duringGet(async () => {
      const client = await pool.connect();
      const heardNews = once(client, 'notification');
      await client.query('SELECT 1');
      await client.query('LISTEN lease');
      await cluster.primary.query("SELECT pg_notify('lease', 'to the lease')");
      const [message] = await within(5_000, 'the notification', heardNews);
      expect(message).toMatchObject({ channel: 'lease', payload: 'to the lease' });
      await client.query('UNLISTEN *');
      client.release();
    });
  });

  it('a notice arrives, from a replica and from the primary', async () => {
    for (const method of ['GET', 'POST']) {
      await during(request(method), () =>
        leased(async (client) => {
          const notice = once(client, 'notice');
          await client.query("DO $$ BEGIN RAISE NOTICE 'look'; END $$");
          expect((await notice)[0].message).toBe('look');
        }),
      );
    }
  });

  it('error and end are told when the connection is lost', async () => {
    for (const method of ['GET', 'POST']) {
      await during(request(method), async () => {
        const client = await pool.connect();
        const told: string[] = [];
        client.on('error', () => told.push('error'));
        client.on('end', () => told.push('end'));
        const { rows } = await client.query('SELECT pg_backend_pid() AS pid, inet_server_port() AS port');
        const node = cluster.nodes.find(({ serverPort }) => serverPort === rows[0].port);
        await node?.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
        await eventually('it is told', () => told.includes('end'));
        // `pg` tells of the server's goodbye and of the lost connection.
        expect(told).toEqual(['error', 'error', 'end']);
        client.release();
      });
    }
  });

  it('moving to the primary is not told as an end', async () => {
    await duringGet(async () => {
      const client = await pool.connect();
      const told: string[] = [];
      client.on('end', () => told.push('end'));
      await client.query('SELECT 1');
      await client.query("SELECT note_down('quiet move')");
      client.release();
      expect(told).toEqual([]);
    });
  });

  it('leave no listeners behind on the connections', async () => {
    const own = await openPool(cluster, { name: 'listeners', max: 1 });
    let real: pg.PoolClient | undefined;
    own.on('acquire', (client) => {
      real = client;
    });
    const counts = new Set<string>();
    for (let i = 0; i < 5; i++) {
      const client = await own.connect();
      await client.query('SELECT 1');
      await failureOf(client.query('SELECT * FROM missing'));
      client.release();
      await eventually('it was given back', () => inUse(own) === 0);
      const names = ['drain', 'error', 'end', 'notice', 'notification'];
      counts.add(names.map((name) => `${name} ${real?.listenerCount(name)}`).join());
    }
    expect(counts.size).toBe(1);
    await own.end();
  });
});

describe('a connection that is lost', () => {
  const terminateAll = (where: string): Promise<unknown> =>
    cluster.primary.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${where}`);

  it('between the statements of a transaction fails the transaction, and is not replaced', async () => {
    for (const method of ['GET', 'POST']) {
      await during(request(method), async () => {
        const client = await pool.connect();
        client.on('error', () => undefined);
        await client.query('BEGIN');
        await client.query("INSERT INTO notes (body) VALUES ('lost')");
        const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
        await terminateAll(`pid = ${rows[0].pid}`);
        await failureOf(client.query("INSERT INTO notes (body) VALUES ('lost')"));
        await failureOf(client.query('COMMIT'));
        client.release();
      });
    }
    expect(await notes('lost')).toBe(0);
  });

  it('between the statements of a READ ONLY transaction on a replica is not replaced', async () => {
    await duringGet(async () => {
      const client = await pool.connect();
      client.on('error', () => undefined);
      await client.query('BEGIN READ ONLY');
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid, inet_server_port() AS port');
      const node = cluster.nodes.find(({ serverPort }) => serverPort === rows[0].port);
      await node?.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
      await failureOf(client.query('SELECT 1'));
      client.release();
    });
  });

  it('under a read of a lease in a GET is replaced', async () => {
    await duringGet(async () => {
      const client = await pool.connect();
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid, inet_server_port() AS port');
      const slow = client.query('SELECT pg_sleep(0.3), pg_is_in_recovery() AS standby');
      const node = cluster.nodes.find(({ serverPort }) => serverPort === rows[0].port);
      await node?.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
      expect((await slow).rows[0]?.standby).toBe(true);
      client.release();
    });
    await allUp();
  });

  it.each(['COMMIT', 'END', '/* bye */ COMMIT'])(
    'under %s is ERR_OUTCOME_UNKNOWN, with the cause',
    async (sql) => {
      await cluster.primary.query(`
      CREATE TABLE IF NOT EXISTS deferred (x int);
      CREATE OR REPLACE FUNCTION wait_long() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_sleep(10); RETURN NULL; END $$;
      DROP TRIGGER IF EXISTS slow ON deferred;
      CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION wait_long()`);
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO deferred VALUES (1)');
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
      const committing = failureOf(client.query(sql));
      await busy(rows[0].pid);
      await terminateAll(`pid = ${rows[0].pid}`);
      const error = await committing;
      client.release();
      await allUp();
      expect(error).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN', cause: { code: '57P01' } });
    },
  );

  it('under a statement of an open transaction is not in doubt', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    const slow = failureOf(client.query("INSERT INTO notes (body) SELECT 'doubt' FROM pg_sleep(10)"));
    await busy(rows[0].pid);
    await terminateAll(`pid = ${rows[0].pid}`);
    expect(await slow).toMatchObject({ code: '57P01' });
    client.release();
    await allUp();
  });

  it.each(['GET', 'POST'])(
    'under an autocommit write of pool.query in a %s is ERR_OUTCOME_UNKNOWN',
    async (method) => {
      const sql = `INSERT INTO notes (body) SELECT 'unknown ${method}' FROM pg_sleep(10)`;
      const slow = failureOf(during(request(method), () => pool.query(sql)));
      const pid = await busyWith(`unknown ${method}`);
      await terminateAll(`pid = ${pid}`);
      expect(await slow).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN', cause: { code: '57P01' } });
      expect(await notes(`unknown ${method}`)).toBe(0);
      await allUp();
    },
  );

  it.each(['GET', 'POST'])(
    'under an autocommit write of a lease in a %s is ERR_OUTCOME_UNKNOWN',
    async (method) => {
      const sql = `INSERT INTO notes (body) SELECT 'unknown lease ${method}' FROM pg_sleep(10)`;
      const slow = failureOf(during(request(method), () => leased((client) => client.query(sql))));
      const pid = await busyWith(`unknown lease ${method}`);
      await terminateAll(`pid = ${pid}`);
      expect(await slow).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN', cause: { code: '57P01' } });
      await allUp();
    },
  );

  it('while it is idle in the pool does not end the process, and is told to listeners', async () => {
    const own = await openPool(cluster, { name: 'idle' });
    await own.query('SELECT 1');
    await duringGet(() => own.query('SELECT 1'));
    await terminateAll(
      "backend_type = 'client backend' AND application_name <> 'node-replicated monitor' AND pid <> pg_backend_pid()",
    );
    await eventually('the connections are gone', () => own.idleCount <= 1);
    const errors: unknown[] = [];
    own.on('error', (error) => errors.push(error));
    await own.query('SELECT 1');
    await terminateAll(
      "backend_type = 'client backend' AND application_name <> 'node-replicated monitor' AND pid <> pg_backend_pid()",
    );
    await eventually('the error is told', () => errors.length > 0);
    expect(errors[0]).toBeInstanceOf(Error);
    expect((await own.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await own.end();
  });

  it('to a recovery conflict is replaced, and the connection is given back', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('SELECT 1');
        const slow = client.query('SELECT count(*)::int AS n, pg_sleep(0.8) FROM locked');
        await eventually('it is under way', async () => {
          const counts = cluster.replicas.map((replica) =>
            numberOn(replica, "SELECT count(*) AS n FROM pg_locks WHERE relation = 'locked'::regclass"),
          );
          return (await Promise.all(counts)).some((n) => n > 0);
        });
        await cluster.primary.query('TRUNCATE locked');
        expect((await slow).rows[0]?.n).toBe(0);
      }),
    );
  });

  it('to a recovery conflict under pool.query is replaced', async () => {
    const slow = duringGet(() => pool.query('SELECT count(*)::int AS n, pg_sleep(0.8) FROM locked'));
    await eventually('it is under way', async () => {
      const counts = cluster.replicas.map((replica) =>
        numberOn(replica, "SELECT count(*) AS n FROM pg_locks WHERE relation = 'locked'::regclass"),
      );
      return (await Promise.all(counts)).some((n) => n > 0);
    });
    await cluster.primary.query('TRUNCATE locked');
    expect((await slow).rows[0]?.n).toBe(0);
  });

  const allUp = (): Promise<void> =>
    eventually('every node is up', () => pool.status().nodes.every(({ state }) => state === 'up'));

  const busy = (pid: number): Promise<void> =>
    eventually('it is under way', async () => {
      const sql = `SELECT count(*) AS n FROM pg_stat_activity WHERE pid = ${pid} AND wait_event = 'PgSleep'`;
      return (await numberOn(cluster.primary, sql)) === 1;
    });

  async function busyWith(text: string): Promise<number> {
    const sql = `SELECT coalesce(max(pid), 0) AS n FROM pg_stat_activity
                 WHERE query LIKE '%${text}%' AND wait_event = 'PgSleep'`;
    await eventually('it is under way', async () => (await numberOn(cluster.primary, sql)) > 0);
    return numberOn(cluster.primary, sql);
  }
});

describe('as pg has it', () => {
  it('a pool is a pg.Pool and a leased client a pg.Client', async () => {
    expect(pool).toBeInstanceOf(pg.Pool);
    for (const method of ['GET', 'POST']) {
      await during(request(method), async () => {
        const client = await pool.connect();
        expect(client).toBeInstanceOf(pg.Client);
        client.release();
      });
    }
  });

  it('connect with a callback gives the client and a release of its own', async () => {
    for (const method of ['GET', 'POST']) {
      const answer = await new Promise<unknown>((resolve, reject) => {
        during(request(method), () =>
          pool.connect((error, client, release) => {
            if (error !== undefined || client === undefined) return reject(error);
            client.query('SELECT 1 AS one', (failure, result) => {
              release();
              failure ? reject(failure) : resolve(result.rows);
            });
          }),
        );
      });
      expect(answer).toEqual([{ one: 1 }]);
    }
  });

  it('a client cannot be connected again', async () => {
    await leased(async (client) => {
      await expect(client.connect()).rejects.toThrow('Client has already been connected');
    });
  });

  it('a client escapes identifiers and literals', async () => {
    await duringGet(() =>
      leased(async (client) => {
        expect(client.escapeIdentifier('a"b')).toBe('"a""b"');
        expect(client.escapeLiteral("a'b")).toBe("'a''b'");
      }),
    );
  });

  it('type parsers that were set before the first statement hold on both servers', async () => {
    const own = await openPool(cluster, { name: 'parsers' });
    await duringGet(async () => {
      const client = await own.connect();
      client.setTypeParser(23, (text: string) => `<${text}>`);
      expect((await client.query('SELECT 1 AS n')).rows).toEqual([{ n: '<1>' }]);
      await client.query("INSERT INTO notes (body) VALUES ('parsed')");
      expect((await client.query('SELECT 1 AS n')).rows).toEqual([{ n: '<1>' }]);
      client.release();
    });
    await own.end();
  });

  it('a statement that is null is refused at once', async () => {
    await leased(async (client) => {
      expect(() => client.query(null as never)).toThrow('Client was passed a null or undefined query');
    });
  });

  it('a config object is not changed, and may be used again', async () => {
    await duringGet(() =>
      leased(async (client) => {
        const config = { text: 'SELECT $1::int AS n', values: [3] };
        for (let i = 0; i < 3; i++) expect((await client.query(config)).rows).toEqual([{ n: 3 }]);
      }),
    );
  });

  it('end waits for clients that are leased', async () => {
    const own = await openPool(cluster, { name: 'ending' });
    const client = await duringGet(() => own.connect());
    let ended = false;
    const ending = own.end().then(() => {
      ended = true;
    });
    expect(own.ending).toBe(true);
    expect((await duringGet(() => client.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
    expect(ended).toBe(false);
    client.release();
    await within(3_000, 'the end', ending);
    expect(own.ended).toBe(true);
  });

  it('end waits for statements that are under way', async () => {
    const own = await openPool(cluster, { name: 'ending' });
    const slow = own.query("SELECT 'done' AS state, pg_sleep(0.1)");
    const failing = failureOf(duringGet(() => own.query('SELECT 1 / (length(pg_sleep(0.1)::text))')));
    await within(3_000, 'the end', own.end());
    expect((await slow).rows[0]?.state).toBe('done');
    expect(await failing).toMatchObject({ code: '22012' });
  });

  it("a second end is refused in pg-pool's words", async () => {
    const own = await openPool(cluster, { name: 'ending' });
    const first = own.end();
    await expect(own.end()).rejects.toThrow('Called end on pool more than once');
    await new Promise<void>((resolve) =>
      own.end(((error: Error) => {
        expect(error.message).toBe('Called end on pool more than once');
        resolve();
      }) as never),
    );
    await first;
  });

  it('end with a callback', async () => {
    const own = await openPool(cluster, { name: 'ending' });
    await new Promise<void>((resolve) => own.end(resolve));
    expect(own.ended).toBe(true);
  });

  it("statements and checkouts after the end are refused in pg-pool's words", async () => {
    const own = await openPool(cluster, { name: 'ending' });
    await own.end();
    const words = 'Cannot use a pool after calling end on the pool';
    await expect(own.query('SELECT 1')).rejects.toThrow(words);
    await expect(own.connect()).rejects.toThrow(words);
    const told: string[] = [];
    own.query('SELECT 1', (error: Error) => told.push(error.message));
    own.connect((error) => told.push(error?.message ?? ''));
    await eventually('both are told', () => told.length === 2);
    expect(told).toEqual([words, words]);
  });

  it('counts total, idle and waiting connections', async () => {
    const own = await openPool(cluster, { name: 'counts', max: 1 });
    expect([own.totalCount, own.idleCount, own.waitingCount]).toEqual([0, 0, 0]);
    const client = await own.connect();
    expect([own.totalCount, own.idleCount, own.waitingCount]).toEqual([1, 0, 0]);
    const waiting = own.query('SELECT 1');
    expect(own.waitingCount).toBe(1);
    client.release();
    await waiting;
    await eventually('it is idle', () => own.idleCount === 1);
    expect([own.totalCount, own.waitingCount]).toEqual([1, 0]);
    await own.end();
    expect(own.totalCount).toBe(0);
  });

  it('emits connect, acquire, release and remove with the arguments of pg-pool', async () => {
    const own = await openPool(cluster, { name: 'events' });
    const events: [string, ...unknown[]][] = [];
    for (const name of ['connect', 'acquire', 'release', 'remove'] as const) {
      own.on(name as 'connect', (...args: unknown[]) => events.push([name, ...args]));
    }
    await own.query('SELECT 1');
    const reason = new Error('enough');
    const client = await own.connect();
    client.release(reason);
    await eventually('it is removed', () => events.some(([name]) => name === 'remove'));
    expect(events.map(([name]) => name)).toEqual([
      'connect',
      'acquire',
      'release',
      'acquire',
      'release',
      'remove',
    ]);
    const real = events[0]?.[1];
    expect(real).toBeInstanceOf(pg.Client);
    expect(events[2]).toEqual(['release', undefined, real]);
    expect(events[4]?.[1]).toBe(reason);
    expect(events[5]?.[1]).toBe(real);
    await own.end();
  });

  it('emits them to listeners that came after the connections', async () => {
    const own = await openPool(cluster, { name: 'late' });
    await own.query('SELECT 1');
    await duringGet(() => own.query('SELECT 1'));
    let acquired = 0;
    own.on('acquire', () => {
      acquired++;
    });
    await own.query('SELECT 1');
    await duringGet(() => own.query('SELECT 1'));
    expect(acquired).toBe(2);
    await own.end();
  });

  it('a statement in a connect listener runs before the one that opened the connection', async () => {
    const own = await openPool(cluster, { name: 'setup' });
    own.on('connect', (client) => void client.query("SET application_name = 'set up'"));
    const sql = "SELECT current_setting('application_name') AS name";
    expect((await own.query(sql)).rows).toEqual([{ name: 'set up' }]);
    expect((await duringGet(() => own.query(sql))).rows).toEqual([{ name: 'set up' }]);
    await own.end();
  });

  it('onConnect is called for each new connection, of readers and writers', async () => {
    const seen: boolean[] = [];
    const own = await openPool(cluster, {
      name: 'hooked',
      onConnect: async (client) => {
        const { rows } = await client.query('SELECT pg_is_in_recovery() AS standby');
        seen.push(rows[0].standby);
      },
    });
    await own.query('SELECT 1');
    await duringGet(() => own.query('SELECT 1'));
    expect(seen).toEqual([false, true]);
    await own.end();
  });

  it('await using ends the pool', async () => {
    const own = await openPool(cluster, { name: 'disposed' });
    await own[Symbol.asyncDispose]();
    expect(own.ended).toBe(true);
    await own[Symbol.asyncDispose]();
  });
});

describe('scopes', () => {
  it('are not mixed up by 1,000 requests of both roles, in promises, callbacks and leases', async () => {
    const own = await openPool(cluster, { name: 'crowd', max: 3 });
    const handle = async (i: number): Promise<void> => {
      const scope = currentScope();
      const seen: unknown[] = [];
      switch (i % 5) {
        case 0:
          await own.query('SELECT 1');
          break;
        case 1:
          await new Promise<void>((resolve, reject) => {
            own.query('SELECT 1', (error: Error) => {
              seen.push(currentScope());
              error ? reject(error) : resolve();
            });
          });
          break;
        case 2:
          await new Promise<void>((resolve, reject) => {
            own.connect((error, client, release) => {
              seen.push(currentScope());
              if (client === undefined) return reject(error);
              client.query('SELECT 1', (failure) => {
                seen.push(currentScope());
                release();
                failure ? reject(failure) : resolve();
              });
            });
          });
          break;
        case 3:
          await new Promise<void>((resolve) => {
            own.query('SELECT * FROM missing', () => {
              seen.push(currentScope());
              resolve();
            });
          });
          break;
        default: {
          const client = await own.connect();
          seen.push(currentScope());
          await client.query('SELECT 1').finally(() => client.release());
        }
      }
      seen.push(currentScope());
      for (const one of seen) expect(one).toBe(scope);
      expect(scope?.session.wrote()).toBe(i % 2 === 1);
    };
    const requests = Array.from({ length: 1_000 }, (_, i) =>
      during(request(i % 2 === 0 ? 'GET' : 'POST'), () => handle(i)),
    );
    await Promise.all(requests);
    await own.end();
  });

  it('of the request that opened a connection are not seen by its events', async () => {
    const own = await openPool(cluster, { name: 'opener', max: 1 });
    const seen: unknown[] = [];
    for (const method of ['GET', 'POST']) {
      await during(request(method), async () => {
        const client = await own.connect();
        client.on('notice', () => seen.push(currentScope()));
        await client.query("DO $$ BEGIN RAISE NOTICE 'look'; END $$");
        client.release();
      });
      await during(request(method), async () => {
        const scope = currentScope();
        const query = new pg.Query('SELECT 1');
        query.on('row', () => seen.push(currentScope() === scope ? undefined : currentScope()));
        const client = await own.connect();
        client.query(query);
        await once(query, 'end');
        client.release();
      });
    }
    expect(seen).toEqual([undefined, undefined, undefined, undefined]);
    await own.end();
  });
});
