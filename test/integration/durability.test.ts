import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Durability, usePrimary } from '@node-replicated/core';
import { readyToSeal, type Scope } from '@node-replicated/core/adapter';
import { type LocalCluster, type LocalNode, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import type pg from 'pg';
import { from } from 'pg-copy-streams';
import QueryStream from 'pg-query-stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  during,
  duringPost,
  eventually,
  failureOf,
  heard,
  insert,
  notesSchema,
  numberOn,
  openPool,
  request,
  within,
} from './stage.js';

const setting = `current_setting('synchronous_commit') AS setting`;
const insertion = `INSERT INTO notes (body) VALUES ('x') RETURNING ${setting}`;

let cluster: LocalCluster;
let synchronous: LocalNode;
let pool: ReplicatedPool;

beforeAll(async () => {
  cluster = await startCluster({ replicas: 2, sync: 1 });
  [synchronous] = cluster.replicas as [LocalNode];
  await cluster.primary.query(`${notesSchema};
    CREATE TABLE settings (setting text);
    CREATE PROCEDURE commit_twice() LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO settings SELECT current_setting('synchronous_commit'); COMMIT;
      INSERT INTO settings SELECT current_setting('synchronous_commit'); COMMIT;
    END $$`);
  await cluster.waitForCatchUp();
  // One connection to write with: whatever is left behind on it, the next one sees.
  pool = await openPool(cluster, { max: 1 });
});

afterAll(async () => {
  if (pool !== undefined) await within(5_000, 'the end of the pool', pool.end());
  await cluster?.stop();
});

test.for<Durability>(['remote_apply', 'remote_write', 'local', 'off'])(
  'a statement in a scope that says %s commits so, and the next one as ever',
  async (durability) => {
    expect(await durably(durability, () => settingOf(pool.query(insertion)))).toBe(durability);
    await expectNothingLeft();
  },
);

test('a transaction does, whatever runs in it', async () => {
  await leasedDurably('remote_apply', async (client) => {
    await client.query('BEGIN');
    expect(await settingOf(client.query(insertion))).toBe('remote_apply');
    await client.query('SAVEPOINT here');
    expect((await failureOf(client.query('SELECT 1 / 0'))).code).toBe('22012');
    await client.query('ROLLBACK TO here');
    expect(await settingOf(client.query(`SELECT ${setting}`))).toBe('remote_apply');
    await client.query('COMMIT');
  });
  await expectNothingLeft();
});

test('a client that leaves the scope leaves its durability', async () => {
  await duringPost(() =>
    leased(async (client) => {
      await usePrimary({ durability: 'local' }, () => client.query(insertion));
      expect(await settingOf(client.query(insertion))).toBe('on');
    }),
  );
});

test('a text of several statements does', async () => {
  const results: unknown = await durably('local', () => pool.query(`${insertion}; ${insertion}`));
  expect(results).toMatchObject([{ rows: [{ setting: 'local' }] }, { rows: [{ setting: 'local' }] }]);
  await expectNothingLeft();
});

test.for(['COMMIT', 'ROLLBACK'])(
  'a text that opens a transaction does, down to its %s, and leaves nothing behind',
  async (end) => {
    await leasedDurably('local', async (client) => {
      await client.query(`BEGIN; ${insertion}`);
      expect(await settingOf(client.query(insertion))).toBe('local');
      await client.query(end);
    });
    await expectNothingLeft();
  },
);

test('a procedure that commits by itself does, each time', async () => {
  await durably('remote_write', () => pool.query('CALL commit_twice()'));
  expect((await cluster.primary.query('SELECT setting FROM settings')).rows).toEqual([
    { setting: 'remote_write' },
    { setting: 'remote_write' },
  ]);
  await expectNothingLeft();
});

test.for(['VACUUM notes', 'CREATE INDEX CONCURRENTLY ON notes (body)'])(
  '%s, which runs in no transaction, still runs',
  async (text) => {
    await durably('local', () => pool.query(text));
    await expectNothingLeft();
  },
);

test('a COPY does', async () => {
  await leasedDurably('local', async (client) => {
    await pipeline(
      Readable.from(['copied\n']),
      client.query(
        from(`COPY notes (body) FROM STDIN WHERE current_setting('synchronous_commit') = 'local'`),
      ),
    );
  });
  expect(await numberOn(cluster.primary, "SELECT count(*) AS n FROM notes WHERE body = 'copied'")).toBe(1);
  await expectNothingLeft();
});

test('a stream of rows does', async () => {
  await leasedDurably('local', async (client) => {
    expect(await rowsOf(client.query(new QueryStream(insertion)))).toEqual([{ setting: 'local' }]);
  });
  await expectNothingLeft();
});

test('a statement that fails is undone, and leaves nothing behind', async () => {
  const error = await durably('local', () =>
    failureOf(pool.query(`INSERT INTO notes (body) VALUES (repeat('x', 1 / 0))`)),
  );
  expect(error.code).toBe('22012');
  await expectNothingLeft();
});

test('a response right after such a statement, good or bad, names a position, and the write is not late', async () => {
  const late = await heard('late-write', async () => {
    for (const text of [insertion, `${insertion}; ${insertion}`, 'INSERT INTO nowhere VALUES (1)']) {
      const scope = request('POST');
      await during(scope, async () => {
        await usePrimary({ durability: 'remote_apply' }, () => pool.query(text)).catch(() => undefined);
        await readyToSeal(scope);
      });
      expect(markOf(scope)).toEqual({ position: expect.any(String), hold: 'seen' });
      scope.session.sealHeaders();
    }
  });
  expect(late).toEqual([]);
});

test('remote_apply waits until the synchronous replica shows the write; local does not', async () => {
  await synchronous.pauseReplay();
  try {
    await durably('local', () => pool.query(insert('not waiting')));
    let over = false;
    const writing = durably('remote_apply', () => pool.query(insert('waiting'))).finally(() => {
      over = true;
    });
    const waiting = `SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;
    await eventually('the commit waits', async () => (await numberOn(cluster.primary, waiting)) === 1);
    expect(over).toBe(false);
    await synchronous.resumeReplay();
    await writing;
    expect(await numberOn(synchronous, "SELECT count(*) AS n FROM notes WHERE body = 'waiting'")).toBe(1);
  } finally {
    await synchronous.resumeReplay();
  }
});

function durably<T>(durability: Durability, fn: () => Promise<T>): Promise<T> {
  return duringPost(() => usePrimary({ durability }, fn));
}

function leasedDurably<T>(durability: Durability, fn: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return durably(durability, () => leased(fn));
}

async function leased<T>(fn: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    return await fn(client);
  } finally {
    client.release();
  }
}

/** The next user of the connection, who says nothing. */
async function expectNothingLeft(): Promise<void> {
  expect(await settingOf(pool.query(insertion))).toBe('on');
}

async function settingOf(asked: Promise<{ readonly rows: readonly unknown[] }>): Promise<unknown> {
  const { rows } = await asked;
  return (rows[0] as { readonly setting?: unknown } | undefined)?.setting;
}

async function rowsOf(stream: Readable): Promise<readonly unknown[]> {
  const rows: unknown[] = [];
  stream.on('data', (row) => rows.push(row));
  await once(stream, 'close');
  return rows;
}

function markOf(scope: Scope): unknown {
  return scope.session.moves.get('main');
}
