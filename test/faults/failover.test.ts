import { exportPin, runWithPin } from '@node-replicated/core';
import { type LocalCluster, type LocalNode, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool, ReplicatedPoolOptions } from '@node-replicated/pg';
import { from as copyFrom } from 'pg-copy-streams';
import { afterEach, beforeEach, expect, type TestContext, test, vi } from 'vitest';
import {
  config,
  connectTo,
  duringGet,
  duringPost,
  eventually,
  failureOf,
  heard,
  numberOn,
  openPool,
  within,
} from '../integration/stage.js';
import { expectHonest, type Load, underLoad, type Verdict } from './load.js';

vi.setConfig({ testTimeout: 90_000 });

const settings: ReplicatedPoolOptions = { probeTimeoutMs: 1_500, downtimeMs: 1_000, failoverWaitMs: 30_000 };

const seldomProbed: ReplicatedPoolOptions = { probeIntervalMs: 600_000, failoverWaitMs: 20_000 };

let cluster: LocalCluster;
let old: LocalNode;
/** The replica that is promoted, and the one that is not. */
let heir: LocalNode;
let other: LocalNode;
let pool: ReplicatedPool;

beforeEach(async () => {
  // What is acknowledged is on the heir, so that its promotion loses nothing.
  cluster = await startCluster({ replicas: 2, sync: 1, settings: { synchronous_commit: 'remote_apply' } });
  old = cluster.primary;
  [heir, other] = cluster.replicas as [LocalNode, LocalNode];
  await cluster.primary.query('CREATE TABLE stray (x int)');
  pool = await openPool(cluster, settings);
});

afterEach(async () => {
  try {
    await within(15_000, 'the end of the pool', pool.end());
  } finally {
    await cluster.stop();
  }
});

test('a promotion after the primary was killed is followed, and loses, doubles and hides no write', async (context) => {
  const verdict = await duringFailover(context, async (load) => {
    await old.kill();
    await succeed();
    await load.isWritten();
    await load.isServedBy(other);
  });
  expectFollowed(verdict);
});

test('a promotion while the old primary still lives fences it, and this is told', async (context) => {
  let verdict: Verdict | undefined;
  const fenced = await heard('primary-fenced', async () => {
    verdict = await duringFailover(context, async (load) => {
      // What it acknowledges from here on, nobody has who follows another.
      await old.cut('refuse');
      await eventually('it is given up', () => pool.status().readOnly);
      await succeed();
      await old.heal();
      await eventually('it is fenced', () => pool.status().fenced.includes('primary'));
      await load.isWritten();
    });
  });
  if (verdict !== undefined) expectFollowed(verdict);
  expect(fenced[0]).toEqual({ cluster: 'main', node: 'primary', timeline: 1, newest: 2 });
  expect(pool.status()).toMatchObject({ primary: heir.name, splitBrain: [], fenced: ['primary'] });
});

test('an old primary that comes back alone is fenced: it is neither written to nor read from', async (context) => {
  const own = await impatient();
  const verdict = await duringFailover(context, async (load) => {
    await old.kill();
    await succeed();
    await eventually('the heir is followed', () => own.status().primary === heir.name);
    await load.isWritten();
    await Promise.all([heir.kill(), other.kill()]);
    await eventually('it is lost', () => own.status().readOnly);
    await old.restart();
    await commitAlone(old);
    await eventually('it is fenced', () => own.status().fenced.includes(old.name));
    expect(await failureOf(own.query(insertStray(2)))).toMatchObject({ code: 'ERR_NO_PRIMARY' });
    expect(await failureOf(duringGet(() => own.query('SELECT 1')))).toMatchObject({ code: 'ERR_NO_NODE' });
    expect(await numberOn(old, strays(2))).toBe(0);
    await Promise.all([heir.restart(), other.restart()]);
    await eventually('the heir is followed', () => own.status().primary === heir.name);
    await load.isWritten();
  });
  expectFollowed(verdict);
  expect(pool.status().fenced).toEqual([old.name]);
  await own.end();
});

test('an old primary that comes back as a replica is read from', async (context) => {
  const verdict = await duringFailover(context, async (load) => {
    await old.kill();
    await succeed();
    await load.isWritten();
    await old.follow(heir);
    await eventually('it is up', () => stateOf('primary') === 'up replica');
    await load.isServedBy(old);
  });
  expectFollowed(verdict);
  expect(pool.status().fenced).toEqual([]);
});

test('a switchover, in which the old primary stops in order, is followed', async (context) => {
  const verdict = await duringFailover(context, async (load) => {
    await old.shutdown('fast');
    await succeed();
    await old.follow(heir);
    await load.isWritten();
    await load.isServedBy(old);
  });
  expectFollowed(verdict);
});

test('two primaries on one timeline: nothing is written, reads go on, and it ends when one of them is gone', async (context) => {
  const own = await impatient();
  const verdict = await duringFailover(context, async (load) => {
    await Promise.all([commitAlone(heir), commitAlone(other)]);
    await old.kill();
    const events = await heard(
      'split-brain',
      async () => {
        await Promise.all([heir.promote(), other.promote()]);
        await eventually('it is noticed', () => own.status().splitBrain.length === 2);
      },
      'impatient',
    );
    expect(events).toEqual([{ cluster: 'impatient', nodes: [heir.name, other.name] }]);
    expect((await duringGet(() => own.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
    expect(await failureOf(own.query(insertStray(1)))).toMatchObject({ code: 'ERR_SPLIT_BRAIN' });
    await other.kill();
    await eventually('it has ended', () => own.status().primary === heir.name);
    await load.isWritten();
  });
  expectFollowed(verdict);
  expect(await numberOn(heir, strays(1))).toBe(0);
  await own.end();
});

test('while two nodes say that they are the primary, nobody is served by one that may lack what they have written', async () => {
  const own = await impatient();
  await heir.kill();
  await own.query(insertStray(4));
  const token = await duringPost(async () => {
    await own.query(insertStray(4));
    return exportPin();
  });
  await old.kill();
  await heir.restart();
  await other.promote();
  await eventually('it is followed', () => own.status().primary === other.name);
  await heir.promote();
  await eventually('the split brain is noticed', () => own.status().splitBrain.length === 2);
  expect(await numberOn(heir, strays(4))).toBe(0);
  const read = runWithPin(token, { config }, () => own.query(strays(4)));
  expect(await failureOf(read)).toMatchObject({ code: 'ERR_SPLIT_BRAIN' });
  expect((await duringGet(() => own.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
  await heir.kill();
  const { rows } = await runWithPin(token, { config }, () => own.query(strays(4)));
  expect(Number(rows[0].n)).toBe(2);
  await own.end();
});

test('a promotion is noticed by a write that the old primary rejects, long before a probe is due', async (context) => {
  const own = await impatient(seldomProbed);
  const verdict = await duringFailover(
    context,
    async (load) => {
      await own.query(insertStray(1));
      await old.query('ALTER SYSTEM SET default_transaction_read_only = on');
      await old.query('SELECT pg_reload_conf()');
      await eventually("it holds for the pool's sessions", async () => {
        const { rows } = await own.query("SELECT current_setting('default_transaction_read_only') AS value");
        return rows[0]?.value === 'on';
      });
      await succeed();
      await own.query(insertStray(2));
      await load.isWritten();
    },
    own,
  );
  // Before there was another primary, the old one's word was the answer.
  const failedWrites = verdict.failedWrites.filter((failure) => !failure.includes('25006'));
  expectFollowed({ ...verdict, failedWrites }, own);
  expect(await numberOn(heir, strays(2))).toBe(1);
  expect(await numberOn(old, strays(2))).toBe(0);
  await own.end();
});

test('a promotion is noticed by a connection that is lost, long before a probe is due', async (context) => {
  const own = await impatient(seldomProbed);
  const verdict = await duringFailover(
    context,
    async (load) => {
      await own.query(insertStray(1));
      await old.kill();
      await succeed();
      await own.query(insertStray(2));
      await load.isWritten();
    },
    own,
  );
  expectFollowed(verdict, own);
  expect(await numberOn(heir, strays(2))).toBe(1);
  await own.end();
});

test('a write that is under way on the old primary when there is another one is ERR_OUTCOME_UNKNOWN, whatever the old one says later', async () => {
  const lock = await connectTo(old.directUrl);
  await lock.query('BEGIN; LOCK TABLE stray IN EXCLUSIVE MODE');
  const failure = failureOf(pool.query(insertStray(3)));
  await eventually(
    'it waits for the lock',
    async () =>
      (await numberOn(
        old,
        "SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND relation = 'stray'::regclass",
      )) === 1,
  );
  await succeed();
  await commitAlone(old);
  expect(await within(30_000, 'the end of the write', failure)).toMatchObject({
    code: 'ERR_OUTCOME_UNKNOWN',
  });
  expect(pool.status().primary).toBe(heir.name);
  await lock.query('COMMIT');
  await lock.end();
  expect(await numberOn(heir, strays(3))).toBe(0);
});

test('a COPY whose connection is lost is ERR_OUTCOME_UNKNOWN, with the cause', async () => {
  const client = await pool.connect();
  client.on('error', () => undefined);
  const stream = client.query(copyFrom('COPY stray FROM STDIN'));
  const failed = new Promise<Error>((resolve) => stream.once('error', resolve));
  stream.write('1\n');
  const copying = "FROM pg_stat_activity WHERE query LIKE 'COPY stray%'";
  await eventually(
    'it is under way',
    async () => (await numberOn(old, `SELECT count(*) AS n ${copying}`)) === 1,
  );
  await old.query(`SELECT pg_terminate_backend(pid) ${copying}`);
  expect(await failed).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN', cause: { code: '57P01' } });
  client.release();
});

/** The heir takes over, and the other replica follows it. */
async function succeed(): Promise<void> {
  await heir.promote();
  await other.follow(heir);
}

/** A node's commits no longer wait for a replica, of which there may be none. */
async function commitAlone(node: LocalNode): Promise<void> {
  await node.query("ALTER SYSTEM SET synchronous_standby_names = ''");
  await node.query('SELECT pg_reload_conf()');
}

function duringFailover(
  context: TestContext,
  fault: (load: Load) => Promise<unknown>,
  visited: ReplicatedPool = pool,
): Promise<Verdict> {
  const primary = (): LocalNode => heir;
  return underLoad({ context, cluster, pool: visited, primary, untilServedByReplica: false }, fault);
}

/** Reads have not failed, and writes only where nobody can know whether they happened. */
function expectFollowed(verdict: Verdict, visited: ReplicatedPool = pool): void {
  expectHonest(verdict);
  expect(verdict.failedWrites.filter((failure) => !failure.includes('ERR_OUTCOME_UNKNOWN'))).toEqual([]);
  expect(visited.status()).toMatchObject({ primary: heir.name, readOnly: false });
}

function impatient(options: ReplicatedPoolOptions = {}): Promise<ReplicatedPool> {
  return openPool(cluster, { ...settings, failoverWaitMs: 500, name: 'impatient', ...options });
}

function stateOf(name: string): string {
  const node = pool.status().nodes.find((one) => one.name === name);
  return `${node?.state} ${node?.role}`;
}

function insertStray(x: number): string {
  return `INSERT INTO stray VALUES (${x})`;
}

function strays(x: number): string {
  return `SELECT count(*) AS n FROM stray WHERE x = ${x}`;
}
