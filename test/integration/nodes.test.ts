import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { inspect } from 'node:util';
import { runWithReplication, usePrimary } from '@node-replicated/core';
import { sealResponse } from '@node-replicated/core/adapter';
import { type LocalCluster, type LocalNode, startCluster } from '@node-replicated/local-cluster';
import { ReplicatedPool } from '@node-replicated/pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Asker,
  connectTo,
  during,
  duringGet,
  duringPost,
  eventually,
  failureOf,
  heard,
  impatient,
  numberOn,
  openPool,
  request,
  where,
  within,
} from './stage.js';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

const schema = 'CREATE TABLE notes (id serial PRIMARY KEY, body text, port int DEFAULT inet_server_port())';
const insert = (body: string): string => `INSERT INTO notes (body) VALUES ('${body}')`;
const stateOf = (pool: ReplicatedPool, name: string): string | undefined =>
  pool.status().nodes.find((node) => node.name === name)?.state;
const becomes = (pool: ReplicatedPool, name: string, state: string): Promise<void> =>
  eventually(`${name} is ${state}`, () => stateOf(pool, name) === state);

describe('one server', () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 0 });
    await cluster.primary.query(schema);
  });
  afterAll(() => cluster?.stop());

  it('serves reads and writes alike, and notices what a GET writes', async () => {
    const pool = await openPool(cluster);
    const reading = request('GET');
    expect(await during(reading, () => where(pool))).toMatchObject({ standby: false, reader: true });
    expect(reading.session.wrote()).toBe(false);
    expect(reading.session.uses).toEqual([{ node: 'primary', role: 'primary', reason: 'no-replica' }]);
    const writing = request('GET');
    await during(writing, () => pool.query(insert('alone')));
    expect(writing.session.wrote()).toBe(true);
    await duringPost(() => pool.query(insert('alone')));
    expect(await numberOn(cluster.primary, 'SELECT count(*) AS n FROM notes')).toBe(2);
    await pool.end();
  });

  it('limits reads on the primary by primaryReads.max', async () => {
    const pool = await openPool(cluster, { primaryReads: { max: 2 } });
    await Promise.all(Array.from({ length: 20 }, () => duringGet(() => pool.query('SELECT pg_sleep(0.01)'))));
    expect(pool.status().nodes[0]?.connections.reader.total).toBe(2);
    await pool.end();
  });

  describe('named by the environment', () => {
    const kept = { ...process.env };
    afterEach(() => {
      process.env = { ...kept };
    });

    it('DATABASE_URL is the primary', async () => {
      process.env.DATABASE_URL = cluster.url;
      const pool = new ReplicatedPool(impatient);
      expect(await where(pool)).toMatchObject({ port: cluster.primary.serverPort });
      expect(pool.status().nodes.map(({ name }) => name)).toEqual([`127.0.0.1:${cluster.primary.port}`]);
      await pool.end();
    });
  });
});

describe('a primary and two replicas', () => {
  let cluster: LocalCluster;
  let pool: ReplicatedPool;
  let first: LocalNode;
  let second: LocalNode;

  beforeAll(async () => {
    cluster = await startCluster({ replicas: 2 });
    [first, second] = cluster.replicas as [LocalNode, LocalNode];
    await cluster.primary.query(schema);
    await cluster.waitForCatchUp();
  });
  beforeEach(async () => {
    pool = await openPool(cluster);
  });
  afterEach(async () => {
    await within(10_000, 'the end of the pool', pool.end());
  });
  afterAll(() => cluster?.stop());

  it('DATABASE_URL and DATABASE_REPLICA_URLS name them all', async () => {
    const kept = { ...process.env };
    process.env.DATABASE_URL = cluster.url;
    process.env.DATABASE_REPLICA_URLS = ` ${cluster.replicaUrls.join(' , ')},`;
    try {
      const own = new ReplicatedPool(impatient);
      await eventually('all are up', () => own.status().nodes.every(({ state }) => state === 'up'));
      expect(own.status().nodes.map(({ name }) => name)).toEqual(
        cluster.nodes.map(({ port }) => `127.0.0.1:${port}`),
      );
      expect(await duringGet(() => where(own))).toMatchObject({ standby: true });
      await own.end();
    } finally {
      process.env = kept;
    }
  });

  it('may be given as nodes in any order: who is who is observed', async () => {
    const own = new ReplicatedPool({ ...impatient, nodes: [...cluster.replicaUrls, cluster.url] });
    expect(await where(own)).toMatchObject({ port: cluster.primary.serverPort });
    await own.end();
  });

  it('a statement before the first probe has answered waits for it', async () => {
    const own = new ReplicatedPool({ ...impatient, primary: cluster.url, replicas: cluster.replicaUrls });
    const all = [
      duringGet(() => where(own)),
      duringPost(() => where(own)),
      where(own),
      duringGet(async () => {
        const client = await own.connect();
        return where(client).finally(() => client.release());
      }),
      duringPost(async () => {
        const client = await own.connect();
        return where(client).finally(() => client.release());
      }),
    ];
    const places = await Promise.all(all);
    expect(places.map(({ reader }) => reader)).toEqual([true, false, false, true, false]);
    for (const index of [1, 2, 4]) expect(places[index]?.port).toBe(cluster.primary.serverPort);
    await own.end();
  });

  it('a statement before the first probe has answered waits even when failoverWaitMs is 0', async () => {
    const own = new ReplicatedPool({ ...impatient, failoverWaitMs: 0, primary: cluster.url });
    try {
      expect(await where(own)).toMatchObject({ port: cluster.primary.serverPort });
    } finally {
      await own.end();
    }
  });

  it('a balancer that throws fails its statement, and the pool can still end', async () => {
    const balance = (): never => {
      throw new Error('no choice');
    };
    const own = await openPool(cluster, { name: 'undecided', balance });
    await expect(duringGet(() => own.query('SELECT 1'))).rejects.toThrow('no choice');
    await within(3_000, 'the end', own.end());
  });

  it('a pool that ends at once ends', async () => {
    const own = new ReplicatedPool({ ...impatient, primary: cluster.url, replicas: cluster.replicaUrls });
    await within(3_000, 'the end', own.end());
  });

  it('a node that is given as the primary and is a replica is never written to', async () => {
    const own = new ReplicatedPool({
      ...impatient,
      primary: first.url,
      replicas: [second.url],
      failoverWaitMs: 300,
    });
    await eventually('both are up', () => own.status().nodes.every(({ state }) => state === 'up'));
    const error = await failureOf(own.query(insert('nowhere')));
    expect(error).toMatchObject({ code: 'ERR_NO_PRIMARY', statusCode: 503 });
    expect(await duringGet(() => where(own))).toMatchObject({ standby: true });
    expect(own.status().readOnly).toBe(true);
    await own.end();
  });

  describe('when a replica is killed', () => {
    afterEach(async () => {
      for (const node of cluster.nodes) if (!node.running) await node.restart();
      await cluster.waitForCatchUp();
    });

    it('reads go on without an error on the other, and come back after its restart', async () => {
      await readMany(20);
      const reading = readFor(600);
      await first.kill();
      await reading;
      await becomes(pool, 'replica-1', 'down');
      expect(await readMany(10)).toEqual(new Set([second.serverPort]));
      await first.restart();
      await becomes(pool, 'replica-1', 'up');
      expect(await readMany(40)).toEqual(new Set([first.serverPort, second.serverPort]));
    });

    it('a read that is under way on it is answered by another', async () => {
      for (const kind of ['pool', 'lease']) {
        const slow = duringGet(async () => {
          const sql = 'SELECT inet_server_port() AS port, pg_sleep(0.5)';
          if (kind === 'pool') return (await pool.query(sql)).rows[0]?.port;
          const client = await pool.connect();
          return client
            .query(sql)
            .then(({ rows }) => rows[0]?.port)
            .finally(() => client.release());
        });
        const node = await sleepingNode();
        await node.kill();
        expect(await slow).not.toBe(node.serverPort);
        await node.restart();
        await cluster.waitForCatchUp();
        await becomes(pool, node.name, 'up');
      }
    });

    it("and the other one too, reads go on on the primary's reader, and this is told", async () => {
      await Promise.all([first.kill(), second.kill()]);
      const scope = request('GET');
      let place: unknown;
      const events = await heard('fallback-to-primary', async () => {
        place = await during(scope, () => where(pool));
      });
      expect(place).toMatchObject({ port: cluster.primary.serverPort, reader: true });
      expect(events).toEqual([{ cluster: 'main', reason: 'no-replica' }]);
      expect(scope.session.uses).toEqual([{ node: 'primary', role: 'primary', reason: 'no-replica' }]);
      expect(scope.session.wrote()).toBe(false);
      await becomes(pool, 'replica-1', 'down');
      await becomes(pool, 'replica-2', 'down');
      expect(await readMany(10)).toEqual(new Set([cluster.primary.serverPort]));
      await Promise.all([first.restart(), second.restart()]);
      await becomes(pool, 'replica-1', 'up');
      await becomes(pool, 'replica-2', 'up');
      expect(await readMany(5)).not.toContain(cluster.primary.serverPort);
    });

    it('the one that a request had chosen is replaced for the rest of it', async () => {
      await duringGet(async () => {
        const before = await where(pool);
        const node = before.port === first.serverPort ? first : second;
        await node.kill();
        const after = await where(pool);
        expect(after.standby).toBe(true);
        expect(after.port).not.toBe(before.port);
        expect(await where(pool)).toEqual(after);
      });
    });

    it('each change is told as an event', async () => {
      const events = await heard('node-changed', async () => {
        await first.kill();
        await becomes(pool, 'replica-1', 'down');
        await first.restart();
        await becomes(pool, 'replica-1', 'up');
      });
      const moves = events.filter(({ node }) => node === 'replica-1').map(({ from, to }) => `${from} ${to}`);
      expect(moves[0]).toBe('up down');
      expect(moves.at(-1)).toBe('connecting up');
    });

    it('a replica that is up again is found at once when the last other one is lost', async () => {
      const own = await openPool(cluster, { name: 'patient', downtimeMs: 60_000, probeIntervalMs: 30_000 });
      await cluster.primary.kill();
      await second.kill();
      await failureOf(duringPost(() => own.query('SELECT 1')));
      await eventually('both are known to be down', async () => {
        await duringGet(() => own.query('SELECT 1'));
        return stateOf(own, 'replica-2') === 'down' && own.status().readOnly;
      });
      await second.restart();
      await first.kill();
      try {
        expect(await duringGet(() => where(own))).toMatchObject({ port: second.serverPort });
      } finally {
        await own.end();
      }
    });
  });

  describe('when a replica is frozen', () => {
    afterEach(async () => {
      for (const node of cluster.replicas) await node.thaw();
    });

    it('new reads go to the other one', async () => {
      await first.freeze();
      await becomes(pool, 'replica-1', 'down');
      expect(await within(3_000, 'reads', readMany(10))).toEqual(new Set([second.serverPort]));
      await first.thaw();
      await becomes(pool, 'replica-1', 'up');
    });

    it('reads that were sent to it before anybody knew are answered by the other one', async () => {
      await readMany(20);
      await first.freeze();
      const reads = Promise.all(Array.from({ length: 20 }, () => duringGet(() => where(pool))));
      const places = await within(6_000, 'the reads', reads);
      expect(new Set(places.map(({ port }) => port))).toEqual(new Set([second.serverPort]));
    });

    it('the pool can end', async () => {
      const own = await openPool(cluster, { name: 'frozen' });
      await duringGet(() => own.query('SELECT 1'));
      await first.freeze();
      await within(5_000, 'the end', own.end());
    });
  });

  describe('when a replica is cut off', () => {
    afterEach(async () => {
      for (const node of cluster.nodes) await node.heal();
    });

    it.each(['refuse', 'blackhole'] as const)(
      'reads go on, and come back when it is healed (%s)',
      async (mode) => {
        await first.cut(mode);
        await becomes(pool, 'replica-1', 'down');
        expect(await within(5_000, 'reads', readMany(10))).toEqual(new Set([second.serverPort]));
        await first.heal();
        await becomes(pool, 'replica-1', 'up');
        await eventually('it serves again', async () => (await readMany(5)).has(first.serverPort));
      },
    );
  });

  describe('when a replica lags', () => {
    afterEach(async () => {
      for (const node of cluster.replicas) await node.setLag(0);
      await cluster.waitForCatchUp();
    });

    it('more than maxLagMs, it is not read from', async () => {
      const own = await openPool(cluster, { name: 'strict', maxLagMs: 300 });
      await first.setLag(60_000);
      await eventually('it lags', async () => {
        await own.query(insert('lag'));
        return stateOf(own, 'replica-1') === 'lagging';
      });
      for (let i = 0; i < 10; i++) {
        expect(await duringGet(() => where(own))).toMatchObject({ port: second.serverPort });
      }
      await first.setLag(0);
      await becomes(own, 'replica-1', 'up');
      await own.end();
    });

    it('more than maxLagMs since before the pool was opened, it is not read from', async () => {
      await first.setLag(60_000);
      await cluster.primary.query(insert('before the pool'));
      const own = await openPool(cluster, { name: 'newcomer', maxLagMs: 300 });
      try {
        await eventually('it lags', () => stateOf(own, 'replica-1') === 'lagging', 3_000);
      } finally {
        await own.end();
      }
    });
  });

  describe('when the primary is killed', () => {
    afterEach(async () => {
      if (!cluster.primary.running) await cluster.primary.restart();
      await eventually('replicas stream again', async () => {
        return (await numberOn(cluster.primary, 'SELECT count(*) AS n FROM pg_stat_replication')) === 2;
      });
    });

    it('reads go on, writes fail with ERR_NO_PRIMARY after failoverWaitMs, and it comes back', async () => {
      const own = await openPool(cluster, { name: 'lonely', failoverWaitMs: 400 });
      await own.query('SELECT 1');
      await cluster.primary.kill();
      await eventually('it is read-only', () => own.status().readOnly);
      expect(await duringGet(() => where(own))).toMatchObject({ standby: true });
      const began = performance.now();
      const error = await failureOf(duringPost(() => own.query(insert('too late'))));
      expect(performance.now() - began).toBeGreaterThan(350);
      expect(performance.now() - began).toBeLessThan(2_000);
      expect(error).toMatchObject({
        name: 'ReplicationError',
        code: 'ERR_NO_PRIMARY',
        statusCode: 503,
        headers: { 'Retry-After': '1' },
      });
      await expect(duringPost(() => own.connect())).rejects.toMatchObject({ code: 'ERR_NO_PRIMARY' });
      await expect(duringGet(() => own.query(insert('too late')))).rejects.toMatchObject({
        code: 'ERR_NO_PRIMARY',
      });
      await cluster.primary.restart();
      await eventually('it is written to again', () => !own.status().readOnly);
      await own.query(insert('again'));
      await own.end();
    });

    it('a write waits for its return within failoverWaitMs', async () => {
      const own = await openPool(cluster, { name: 'waiting', failoverWaitMs: 10_000 });
      await cluster.primary.kill();
      await eventually('it is read-only', () => own.status().readOnly);
      const write = own.query("INSERT INTO notes (body) VALUES ('waited')");
      await cluster.primary.restart();
      await write;
      expect(await numberOn(cluster.primary, "SELECT count(*) AS n FROM notes WHERE body = 'waited'")).toBe(
        1,
      );
      await own.end();
    });

    it('a read that has to be on the primary fails with ERR_NO_PRIMARY', async () => {
      const own = await openPool(cluster, { name: 'pinned', failoverWaitMs: 300 });
      const post = request('POST');
      await during(post, () => own.query('SELECT 1'));
      const cookie = sealResponse(post)?.split(';', 1).join() ?? '';
      await cluster.primary.kill();
      await eventually('it is read-only', () => own.status().readOnly);
      const pinned = request('GET', { cookie });
      await expect(during(pinned, () => where(own))).rejects.toMatchObject({ code: 'ERR_NO_PRIMARY' });
      await expect(duringGet(() => usePrimary(() => where(own)))).rejects.toMatchObject({
        code: 'ERR_NO_PRIMARY',
      });
      await own.end();
    });

    it.each(['pool', 'lease'])(
      'a request whose write found no primary still reads from a replica (%s)',
      async (kind) => {
        const own = await openPool(cluster, { name: 'undeterred', failoverWaitMs: 300 });
        await cluster.primary.kill();
        await eventually('it is read-only', () => own.status().readOnly);
        await duringGet(async () => {
          const client = kind === 'pool' ? undefined : await own.connect();
          const asker: Asker = client ?? own;
          const error = await failureOf(asker.query(insert('not counted')));
          const place = await where(asker).finally(() => client?.release());
          expect(error.code).toBe('ERR_NO_PRIMARY');
          expect(place).toMatchObject({ standby: true });
        }).finally(() => own.end());
      },
    );

    it('a write that was under way is ERR_OUTCOME_UNKNOWN', async () => {
      const slow = failureOf(pool.query("INSERT INTO notes (body) SELECT 'cut' FROM pg_sleep(5)"));
      await eventually('it is under way', async () => {
        const sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        return (await numberOn(cluster.primary, sql)) === 1;
      });
      await cluster.primary.kill();
      expect(await slow).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN', cause: expect.any(Error) });
    });
  });

  describe('when the primary is frozen', () => {
    afterEach(() => cluster.primary.thaw());

    it('writes that begin then fail with ERR_NO_PRIMARY, and do not hang', async () => {
      const own = await openPool(cluster, { name: 'stiff', failoverWaitMs: 500 });
      await cluster.primary.freeze();
      const error = await within(8_000, 'the write', failureOf(own.query(insert('stiff'))));
      expect(error).toMatchObject({ code: 'ERR_NO_PRIMARY' });
      await cluster.primary.thaw();
      await own.end();
    });
  });

  describe('status()', () => {
    it('is plain JSON', () => {
      const status = pool.status();
      expect(JSON.parse(JSON.stringify(status))).toEqual(status);
      expect(status).toMatchObject({ name: 'main', readOnly: false, primary: 'primary', splitBrain: [] });
      expect(status.nodes).toMatchObject([
        { name: 'primary', role: 'primary', state: 'up', lagMs: 0, error: null, provenReadOnly: true },
        { name: 'replica-1', role: 'replica', state: 'up', streaming: true },
        { name: 'replica-2', role: 'replica', state: 'up', streaming: true },
      ]);
    });

    it('counts the connections of readers and writers', async () => {
      await pool.query('SELECT 1');
      await duringGet(() => usePrimary(() => pool.query('SELECT 1')));
      const [primary] = pool.status().nodes;
      expect(primary?.connections.writer.total).toBe(1);
      expect(primary?.connections.reader.total).toBe(1);
    });

    it('holds no secret, nor does the pool when it is inspected, nor do its errors', async () => {
      const own = new ReplicatedPool({
        ...impatient,
        failoverWaitMs: 100,
        primary: 'postgresql://ada:hunter2@127.0.0.1:1/nowhere',
        replicas: [{ host: '127.0.0.1', port: 2, user: 'ada', password: 'hunter3' }],
      });
      const error = await failureOf(own.query('SELECT 1'));
      await eventually('both are down', () => own.status().nodes.every(({ state }) => state === 'down'));
      const seen = [
        JSON.stringify(own.status()),
        inspect(error, { depth: 10 }),
        JSON.stringify(error),
        inspect(own, { depth: 10 }),
        JSON.stringify(own),
      ];
      await own.end();
      for (const text of seen) expect(text).not.toMatch(/hunter/);
    });
  });

  async function sleepingNode(): Promise<LocalNode> {
    let found: LocalNode | undefined;
    const sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    await eventually('it is under way', async () => {
      for (const node of cluster.replicas) if ((await numberOn(node, sql)) > 0) found = node;
      return found !== undefined;
    });
    return found ?? first;
  }

  /** The ports of the servers that answered reads, each in a request of its own. */
  async function readMany(count: number): Promise<Set<number>> {
    const places = await Promise.all(Array.from({ length: count }, () => duringGet(() => where(pool))));
    return new Set(places.map(({ port }) => port));
  }

  /** Reads without a pause; it fails when one of the reads does. */
  async function readFor(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (performance.now() < until) await readMany(4);
  }
});

describe('a promotion', () => {
  let cluster: LocalCluster;
  let pool: ReplicatedPool;
  let first: LocalNode;
  beforeEach(async () => {
    cluster = await startCluster({ replicas: 2 });
    [first] = cluster.replicas as [LocalNode];
    await cluster.primary.query(schema);
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

describe('a process', () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 });
  });
  afterAll(() => cluster?.stop());

  const start = 'const pool = new ReplicatedPool({ primary: process.argv[1], replicas: [process.argv[2]] });';
  const get = "runWithReplication({ role: 'replica' }, () => pool.query('SELECT 1'))";

  it.each([
    ['ends by itself after end()', `${start} await pool.query('SELECT 1'); await ${get}; await pool.end();`],
    [
      'ends by itself after end() with a lease that was moved',
      `${start} await runWithReplication({ role: 'replica' }, async () => {
         const client = await pool.connect();
         await client.query('SELECT 1'); await client.query('BEGIN'); await client.query('COMMIT');
         client.release(); });
       await pool.end();`,
    ],
    ['ends by itself when its pool was never used', start],
    [
      'ends by itself when its pool was never used and its servers are not there',
      "const pool = new ReplicatedPool({ primary: 'postgresql://127.0.0.1:1/x', replicas: ['postgresql://127.0.0.1:2/x'] });",
    ],
    [
      'ends by itself with allowExitOnIdle, without end()',
      `const pool = new ReplicatedPool({ allowExitOnIdle: true, primary: process.argv[1], replicas: [process.argv[2]] });
       await pool.query('SELECT 1'); await ${get};`,
    ],
    [
      'survives the loss of idle connections, with nobody listening',
      `${start} await pool.query('SELECT 1'); await ${get};
       await pool.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
       await pool.query('SELECT 1'); await ${get}; await pool.end();`,
    ],
    [
      'survives a value that pg cannot send',
      `${start} const loop = {}; loop.loop = loop;
       await pool.query('SELECT $1', [loop]).catch(() => undefined);
       await runWithReplication({ role: 'replica' }, () => pool.query('SELECT $1', [loop])).catch(() => undefined);
       await new Promise((resolve) => setTimeout(resolve, 100));
       await pool.end();`,
    ],
  ])('%s', async (_, code) => {
    const { status, output } = await run(code);
    expect(output).toBe('');
    expect(status).toBe(0);
  });

  function run(code: string): Promise<{ status: number | null; output: string }> {
    const imports =
      "import { ReplicatedPool } from '@node-replicated/pg'; import { runWithReplication } from '@node-replicated/core';";
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', `${imports}\n${code}`, '--', cluster.url, cluster.replicaUrls[0] ?? ''],
      { cwd: new URL('..', import.meta.url), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), 12_000);
    return new Promise((resolve) => {
      child.on('close', (status) => {
        clearTimeout(timer);
        resolve({ status, output });
      });
    });
  }
});

it('a server that is reached past the pool sees what the pool wrote', async () => {
  // The stage itself: without it the proofs above would prove nothing.
  const cluster = await startCluster({ replicas: 1 });
  try {
    await cluster.primary.query(schema);
    const pool = await openPool(cluster);
    await pool.query(insert('seen'));
    const client = await connectTo(cluster.primary.directUrl);
    expect((await client.query('SELECT body, port FROM notes')).rows).toEqual([
      { body: 'seen', port: cluster.primary.serverPort },
    ]);
    await client.end();
    await pool.end();
  } finally {
    await cluster.stop();
  }
});
