import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { runWithReplication, usePrimary } from '@node-replicated/core';
import { type LocalCluster, type LocalNode, startCluster } from '@node-replicated/local-cluster';
import { ReplicatedPool } from '@node-replicated/pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Discovered, found } from './discovery-stage.js';
import {
  duringGet,
  duringPost,
  eventually,
  failureOf,
  heard,
  impatient,
  insert,
  notesSchema,
  numberOn,
  openPool,
  stateOf,
  where,
  within,
} from './stage.js';

describe('a promotion', () => {
  let cluster: LocalCluster;
  let pool: ReplicatedPool;
  let first: LocalNode;
  beforeEach(async () => {
    cluster = await startCluster({ replicas: 2 });
    [first] = cluster.replicas as [LocalNode];
    await cluster.primary.query(notesSchema);
    await cluster.waitForCatchUp();
    pool = await openPool(cluster, { max: 2 });
  });
  afterEach(async () => {
    try {
      await within(10_000, 'the end of the pool', pool.end());
    } finally {
      await cluster.stop();
    }
  });

  it('is followed after the loss of the primary: a write that waits goes to the new one', async () => {
    await pool.query(insert('before'));
    const changes = await heard('primary-changed', async () => {
      await cluster.primary.kill();
      await eventually('it is read-only', () => pool.status().readOnly);
      await first.promote();
      await pool.query(insert('after'));
    });
    expect(changes).toEqual([
      { cluster: 'main', from: 'primary', to: undefined },
      { cluster: 'main', from: undefined, to: 'replica-1' },
    ]);
    expect(await numberOn(first, "SELECT count(*) AS n FROM notes WHERE body = 'after'")).toBe(1);
    expect(await duringGet(() => where(pool))).not.toMatchObject({ port: cluster.primary.serverPort });
  });

  it('is followed while the old primary still lives: it is written to no more', async () => {
    await pool.query('SELECT 1');
    await first.promote();
    await eventually('the new one is known', () => pool.status().primary === 'replica-1');
    for (let i = 0; i < 10; i++) await pool.query(insert('new history'));
    const sql = "SELECT count(*) AS n FROM notes WHERE body = 'new history'";
    expect(await numberOn(first, sql)).toBe(10);
    expect(await numberOn(cluster.primary, sql)).toBe(0);
    expect(pool.status().splitBrain).toEqual([]);
    await eventually(
      "the old one's writer is closed",
      async () => {
        const sessions = `SELECT count(*) AS n FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND application_name = '' AND pid <> pg_backend_pid()`;
        return (await numberOn(cluster.primary, sessions)) === 0;
      },
      5_000,
    );
  });

  it('takes a transaction from a primary that has left the list of nodes', async () => {
    const stage = new Discovered(cluster.nodes.map(found));
    await stage.knows(...cluster.nodes.map(({ name }) => name));
    const client = await stage.pool.connect();
    await client.query('BEGIN');
    stage.next = cluster.replicas.map(found);
    await stage.knows('replica-1', 'replica-2');
    await client.query(insert('never committed'));
    await first.promote();
    await eventually('the new one is known', () => stage.pool.status().primary === 'replica-1');
    await expect(client.query('COMMIT')).rejects.toMatchObject({ code: 'ERR_NOT_PRIMARY' });
    client.release();
    await within(10_000, 'the end', stage.pool.end());
  });

  it('is not forgotten by a replica that has followed it and loses it', async () => {
    const second = cluster.replicas[1] as LocalNode;
    await first.promote();
    await second.follow(first);
    const seen = () => pool.status().nodes.find(({ name }) => name === second.name);
    await pool.query(insert('on the new timeline'));
    await eventually('it is on the new timeline', () => seen()?.timeline === 2 && seen()?.lagMs === 0);
    await first.kill();
    await eventually('it has lost its upstream', () => seen()?.streaming !== true);
    expect(seen()).toMatchObject({ state: 'up', timeline: 2, lagMs: 0 });
  });

  it('answers a read on a primary that is lost meanwhile, by its successor', async () => {
    const own = await openPool(cluster, { name: 'succeeded', failoverWaitMs: 20_000 });
    const sql = 'SELECT inet_server_port() AS port, pg_sleep(2)';
    const reads = [
      duringGet(() => usePrimary(() => own.query(sql))),
      duringGet(() =>
        usePrimary(async () => {
          const client = await own.connect();
          return client.query(sql).finally(() => client.release());
        }),
      ),
    ];
    await eventually('they are under way', async () => {
      const sleeping = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
      return (await numberOn(cluster.primary, sleeping)) === 2;
    });
    await cluster.primary.kill();
    await eventually('it is read-only', () => own.status().readOnly);
    await first.promote();
    const places = await Promise.all(reads);
    expect(places.map(({ rows }) => rows[0]?.port)).toEqual([first.serverPort, first.serverPort]);
    await own.end();
  });

  it('takes reads from a replica that stays with the old primary', async () => {
    const own = await openPool(cluster, { name: 'stray', maxLagMs: 300 });
    await first.promote();
    await eventually('the new one is known', () => own.status().primary === 'replica-1');
    await own.query(insert('new history'));
    await eventually('the other one lags', () => stateOf(own, 'replica-2') === 'lagging', 3_000);
    await own.end();
  });

  it('takes the old primary from clients that are leased', async () => {
    const client = await pool.connect();
    client.on('error', () => undefined);
    await client.query('SELECT 1');
    await first.promote();
    await eventually('the new one is known', () => pool.status().primary === 'replica-1');
    const error = await failureOf(client.query(insert('left behind')));
    client.release();
    expect(error.code).toBe('ERR_NOT_PRIMARY');
    expect(
      await numberOn(cluster.primary, "SELECT count(*) AS n FROM notes WHERE body = 'left behind'"),
    ).toBe(0);
  });

  it('does not leave those hanging who wait for a connection to the old primary', async () => {
    const clients = await Promise.all([pool.connect(), pool.connect()]);
    const waiting = pool.query(insert('waiting')).then(
      () => 'written',
      (error: Error) => error.message,
    );
    await first.promote();
    await eventually('the new one is known', () => pool.status().primary === 'replica-1');
    for (const client of clients) client.release();
    expect(await within(5_000, 'the write', waiting)).toBe('written');
    expect(await numberOn(first, "SELECT count(*) AS n FROM notes WHERE body = 'waiting'")).toBe(1);
  });

  it('is found out by a write, when the last probe was long ago', async () => {
    const own = await openPool(cluster, { name: 'asleep', probeIntervalMs: 600_000, failoverWaitMs: 5_000 });
    await cluster.primary.kill();
    await first.promote();
    await cluster.primary.follow(first);
    await own.query(insert('found out'));
    expect(await numberOn(first, "SELECT count(*) AS n FROM notes WHERE body = 'found out'")).toBe(1);
    await own.end();
  });

  it('is never gone back on: with the new primary lost, the old one is not written to', async () => {
    const own = await openPool(cluster, { name: 'forward', failoverWaitMs: 500 });
    await first.promote();
    await eventually('the new one is known', () => own.status().primary === 'replica-1');
    await first.kill();
    await eventually('it is read-only', () => own.status().readOnly);
    const error = await failureOf(own.query(insert('old history')));
    expect(error.code).toBe('ERR_NO_PRIMARY');
    expect(
      await numberOn(cluster.primary, "SELECT count(*) AS n FROM notes WHERE body = 'old history'"),
    ).toBe(0);
    await own.end();
  });

  it('makes a new writer refuse an address that now leads to the primary it has left behind', async () => {
    await first.promote();
    const board = await openSwitchboard(first.serverPort);
    const own = new ReplicatedPool({ ...impatient, primary: board.url });
    await eventually('it is up', () => own.status().primary !== null);
    board.lead(cluster.primary.serverPort);
    const error = await failureOf(own.query(insert('left behind')));
    expect(error).toMatchObject({ code: 'ERR_NOT_PRIMARY', message: expect.stringContaining('timeline 1') });
    expect(
      await numberOn(cluster.primary, "SELECT count(*) AS n FROM notes WHERE body = 'left behind'"),
    ).toBe(0);
    await own.end();
    board.close();
  });

  it('or not: a new writer refuses an address that now leads to a replica, for reads too', async () => {
    const board = await openSwitchboard(cluster.primary.serverPort);
    const own = new ReplicatedPool({ ...impatient, primary: board.url });
    await eventually('it is up', () => own.status().primary !== null);
    board.lead(first.serverPort);
    await expect(duringPost(() => where(own))).rejects.toMatchObject({ code: 'ERR_NOT_PRIMARY' });
    await expect(duringPost(() => own.connect())).rejects.toMatchObject({ code: 'ERR_NOT_PRIMARY' });
    board.lead(cluster.primary.serverPort);
    expect(await duringPost(() => where(own))).toMatchObject({ standby: false });
    await own.end();
    board.close();
  });

  it('of two replicas at once is a split brain: nothing is written, reads go on', async () => {
    const own = await openPool(cluster, { name: 'split', failoverWaitMs: 500 });
    await cluster.primary.kill();
    const events = await heard(
      'split-brain',
      async () => {
        await Promise.all(cluster.replicas.map((replica) => replica.promote()));
        await eventually('it is noticed', () => own.status().splitBrain.length === 2);
      },
      'split',
    );
    expect(events).toMatchObject([{ cluster: 'split', nodes: ['replica-1', 'replica-2'] }]);
    await expect(own.query(insert('split'))).rejects.toMatchObject({
      code: 'ERR_SPLIT_BRAIN',
      statusCode: 503,
    });
    expect((await runWithReplication({ role: 'replica' }, () => own.query('SELECT 1 AS one'))).rows).toEqual([
      { one: 1 },
    ]);
    await own.end();
  });
});

/** An address whose new connections lead where one wants, as one that moves from server to server does. */
async function openSwitchboard(
  target: number,
): Promise<{ url: string; lead(port: number): void; close(): void }> {
  let port = target;
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.on('error', () => far.destroy()).on('close', () => far.destroy());
    far.on('error', () => near.destroy()).on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The switchboard has no port.');
  return {
    url: `postgresql://postgres@127.0.0.1:${address.port}/postgres`,
    lead: (next) => {
      port = next;
    },
    close: () => void server.close(),
  };
}
