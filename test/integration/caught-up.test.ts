import { defineReplication } from '@node-replicated/core';
import {
  openRequest,
  readyToSeal,
  runInScope,
  type Scope,
  sealResponse,
} from '@node-replicated/core/adapter';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import { ReplicatedPool, type ReplicatedPoolOptions } from '@node-replicated/pg';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { eventually } from './stage.js';

const config = defineReplication({ secret: 'a secret that is long enough for a test', pin: { forMs: 0 } });

const monotonic = defineReplication({
  secret: 'a secret that is long enough for a test',
  pin: { forMs: 0 },
  monotonicReads: true,
});

let cluster: LocalCluster;
const pools: ReplicatedPool[] = [];
/** `pg` warns once in a process of a connection that is asked two things at a time. */
const warnings: Error[] = [];
const warn = (warning: Error): void => void warnings.push(warning);

beforeAll(async () => {
  process.on('warning', warn);
  cluster = await startCluster({ replicas: 2 });
  await cluster.primary.query('CREATE TABLE notes (id serial PRIMARY KEY)');
  await cluster.waitForCatchUp();
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const replica of cluster.replicas) await replica.resumeReplay();
  await Promise.all(pools.splice(0).map((pool) => pool.end()));
});

afterAll(async () => {
  process.off('warning', warn);
  await cluster.stop();
});

test('a read after a write is served by a replica that has replayed it', async () => {
  const pool = open();
  const cookie = await write(pool);
  await cluster.waitForCatchUp();
  expect(await read(pool, cookie)).toEqual([
    expect.objectContaining({ role: 'replica', reason: 'caught-up' }),
  ]);
});

test('a client that is released right before the response leaves names the position of its transaction', async () => {
  const pool = open();
  const scope = openRequest(config, { method: 'POST', path: '/notes', headers: {}, secure: false });
  await runInScope(scope, async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO notes DEFAULT VALUES');
    await client.query('COMMIT');
    client.release();
    await readyToSeal(scope);
  });
  expect(scope.session.moves.get('main')).toEqual({ position: expect.any(String) });
});

test('while no replica has replayed the write, its client reads from the primary, and others from a replica', async () => {
  const pool = open();
  await read(pool);
  await pauseAll();
  const cookie = await write(pool);
  expect(await read(pool, cookie)).toEqual([expect.objectContaining({ role: 'primary', reason: 'pin' })]);
  expect(await read(pool)).toEqual([expect.objectContaining({ role: 'replica', reason: 'method' })]);
});

test('of two replicas the one that has replayed the write serves it', async () => {
  const pool = open();
  const [paused, fine] = cluster.replicas;
  await paused?.pauseReplay();
  const cookie = await write(pool);
  await cluster.waitForCatchUp();
  for (let round = 0; round < 10; round++) {
    expect(await read(pool, cookie)).toEqual([
      { node: `127.0.0.1:${fine?.port}`, role: 'replica', reason: 'caught-up' },
    ]);
  }
});

test('a replica that does not answer holds up no read', async () => {
  const pool = open({ probeTimeoutMs: 20_000 });
  await read(pool);
  await pauseAll();
  const cookie = await write(pool);
  for (const replica of cluster.replicas) await replica.freeze();
  try {
    expect(await read(pool, cookie)).toEqual([expect.objectContaining({ role: 'primary', reason: 'pin' })]);
  } finally {
    for (const replica of cluster.replicas) await replica.thaw();
  }
}, 10_000);

test('with waitForReplicaMs a read waits for a replica, without holding up anybody else', async () => {
  const pool = open({ waitForReplicaMs: 20_000 });
  await pauseAll();
  const cookie = await write(pool);
  const waiting = read(pool, cookie);
  for (let round = 0; round < 20; round++) await pool.query('SELECT 1');
  await cluster.replicas[0]?.resumeReplay();
  expect(await waiting).toEqual([expect.objectContaining({ role: 'replica', reason: 'caught-up' })]);
});

test('a read that has waited for waitForReplicaMs in vain goes to the primary', async () => {
  const pool = open({ waitForReplicaMs: 50 });
  await pauseAll();
  const cookie = await write(pool);
  expect(await read(pool, cookie)).toEqual([expect.objectContaining({ role: 'primary', reason: 'pin' })]);
});

test('a forced replica role prefers a replica that has caught up, and takes the freshest when none has', async () => {
  const pool = open();
  await pauseAll();
  const cookie = await write(pool);
  expect(await read(pool, cookie, { role: 'replica' })).toEqual([
    expect.objectContaining({ role: 'replica', reason: 'forced' }),
  ]);
});

test('requests that wait at one moment share the query for the position', async () => {
  const pool = open();
  await pool.query('SELECT 1');
  const scopes = await Promise.all(Array.from({ length: 50 }, () => writeWithin(pool)));
  const positions = await Promise.all(
    scopes.map(async (scope) => {
      await readyToSeal(scope);
      return scope.session.moves.get('main');
    }),
  );
  expect(new Set(positions.map((mark) => JSON.stringify(mark))).size).toBeLessThanOrEqual(2);
});

test('reads that wait at one moment share a look at each replica', async () => {
  const pool = open();
  await read(pool);
  const looks = countLooks();
  await eventually('a look has found a replica for all of them', async () => {
    const cookie = await write(pool);
    await cluster.waitForCatchUp();
    const before = looks();
    const uses = await Promise.all(Array.from({ length: 50 }, () => read(pool, cookie)));
    const taken = looks() - before;
    expect(taken).toBeLessThanOrEqual(2 * cluster.replicas.length);
    return taken > 0 && uses.every(([use]) => use?.reason === 'caught-up');
  });
});

test('a read asks one replica, and no other where that one has caught up', async () => {
  const pool = open();
  await read(pool);
  const looks = countLooks();
  await eventually('one look is enough', async () => {
    const cookie = await write(pool);
    await cluster.waitForCatchUp();
    const before = looks();
    const [use] = await read(pool, cookie);
    return looks() - before === 1 && use?.reason === 'caught-up';
  });
});

test('replicas that cannot have replayed a write yet, going by their lag, are not asked', async () => {
  const pool = open({ probeIntervalMs: 100 });
  await read(pool);
  await pauseAll();
  await write(pool);
  await eventually('the replicas lag', () =>
    pool.status().nodes.every(({ role, lagMs }) => role === 'primary' || (lagMs ?? 0) > 4_000),
  );
  const looks = countLooks();
  const cookie = await write(pool);
  expect(await read(pool, cookie)).toEqual([expect.objectContaining({ role: 'primary', reason: 'pin' })]);
  expect(looks()).toBe(0);
});

test('a monitor asks one question after the other, however many there are', async () => {
  const pool = open({ probeIntervalMs: 5 });
  for (let round = 0; round < 20; round++) {
    const cookies = await Promise.all(Array.from({ length: 10 }, () => write(pool)));
    const pages = cookies.map((cookie) => request(monotonic, 'GET', cookie));
    await Promise.all(pages.map((page) => runInScope(page, () => pool.query('SELECT count(*) FROM notes'))));
    await Promise.all(pages.map(readyToSeal));
  }
  expect(warnings).toEqual([]);
});

/** @returns a function that tells how often replicas have been asked since how far they have replayed */
function countLooks(): () => number {
  const query = vi.spyOn(pg.Client.prototype, 'query');
  const look = 'SELECT pg_is_in_recovery() AS standby, pg_last_wal_replay';
  return () =>
    query.mock.calls.filter(([asked]: readonly unknown[]) => {
      const text = typeof asked === 'object' && asked !== null && 'text' in asked ? asked.text : asked;
      return String(text).startsWith(look);
    }).length;
}

function open(options: ReplicatedPoolOptions = {}): ReplicatedPool {
  const pool = new ReplicatedPool({ primary: cluster.url, replicas: cluster.replicaUrls, ...options });
  pools.push(pool);
  return pool;
}

async function pauseAll(): Promise<void> {
  await Promise.all(cluster.replicas.map((replica) => replica.pauseReplay()));
}

async function writeWithin(pool: ReplicatedPool): Promise<Scope> {
  const scope = request(config, 'POST');
  await runInScope(scope, () => pool.query('INSERT INTO notes DEFAULT VALUES'));
  return scope;
}

/** @returns the cookie that the client gets */
async function write(pool: ReplicatedPool): Promise<string> {
  const scope = await writeWithin(pool);
  await readyToSeal(scope);
  return (sealResponse(scope)?.cookie ?? '').split(';')[0] ?? '';
}

async function read(
  pool: ReplicatedPool,
  cookie?: string,
  rule?: Scope['rule'],
): Promise<Scope['session']['uses']> {
  const scope = request(config, 'GET', cookie, rule);
  await runInScope(scope, () => pool.query('SELECT count(*) FROM notes'));
  return scope.session.uses;
}

function request(settings: typeof config, method: string, cookie?: string, rule?: Scope['rule']): Scope {
  const headers = cookie === undefined ? {} : { cookie };
  return openRequest(settings, { method, path: '/notes', headers, secure: false, rule });
}
