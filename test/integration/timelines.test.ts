import { defineReplication } from '@node-replicated/core';
import {
  openRequest,
  readyToSeal,
  runInScope,
  type Scope,
  sealResponse,
} from '@node-replicated/core/adapter';
import { type LocalCluster, type LocalNode, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { patient } from './notes-sites.js';
import { eventually, insert, notesSchema, numberOn, openPool, within } from './stage.js';

const config = defineReplication({ secret: 'the secret of these tests is long enough', pin: { forMs: 0 } });
const lsn = (what: string): string => `SELECT ${what} - '0/0'::pg_lsn AS n`;
const controlData = 'pg_control_system(), pg_control_recovery(), pg_control_checkpoint()';

let cluster: LocalCluster;
let first: LocalNode;
let second: LocalNode;
const pools: ReplicatedPool[] = [];

beforeEach(async () => {
  cluster = await startCluster({ replicas: 2 });
  [first, second] = cluster.replicas as [LocalNode, LocalNode];
  await cluster.primary.query(`${notesSchema};
    CREATE ROLE app LOGIN;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app`);
  await cluster.waitForCatchUp();
});

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => within(5_000, 'the end of the pool', pool.end())));
  await cluster.stop();
});

describe('after a promotion', () => {
  it('a replica that was left behind satisfies no position of the newer timeline, whatever its LSN', async () => {
    const pool = await openAs('postgres');
    await first.promote();
    await eventually('the new one is known', () => pool.status().primary === 'replica-1');
    const cookie = await write(pool);
    const position = await numberOn(first, lsn('pg_current_wal_insert_lsn()'));
    // The old primary lives on, and its replica gets further than the new one ever was.
    await cluster.primary.query(
      "INSERT INTO notes (body) SELECT repeat('x', 1000) FROM generate_series(1, 3000)",
    );
    await eventually(
      'it is further',
      async () => (await numberOn(second, lsn('pg_last_wal_replay_lsn()'))) > position,
    );
    await eventually('it is seen there', async () => (await read(pool)).at(-1)?.node === 'replica-2');
    for (let visit = 0; visit < 20; visit += 1) {
      expect(await read(pool, cookie)).toEqual([{ node: 'replica-1', role: 'primary', reason: 'pin' }]);
    }
  });

  it('a replica that followed does', async () => {
    const pool = await openAs('postgres');
    await failOver();
    await eventually('the new one is known', () => pool.status().primary === 'replica-1');
    const cookie = await write(pool);
    await eventually(
      'the replica serves its client',
      async () => (await read(pool, cookie)).at(-1)?.reason === 'caught-up',
    );
  });

  it('a session that may not see who followed takes nobody for caught up, and says what to grant', async () => {
    const pool = await openAs('app');
    await failOver();
    await eventually('the new one is known', () => pool.status().primary === 'replica-1');
    const cookie = await write(pool);
    await cluster.waitForCatchUp();
    await eventually('the replica is up', () => statusOf(pool, 'replica-2')?.state === 'up');
    for (let visit = 0; visit < 10; visit += 1) {
      expect(await read(pool, cookie)).toEqual([{ node: 'replica-1', role: 'primary', reason: 'pin' }]);
    }
    expect(hintsOf(pool)).toEqual(['GRANT pg_monitor TO app']);
    await first.query('GRANT pg_monitor TO app');
    await eventually('nothing more is to be granted', () => hintsOf(pool).length === 0);
    await eventually(
      'the replica serves its client',
      async () => (await read(pool, cookie)).at(-1)?.reason === 'caught-up',
    );
  });
});

describe('a session that may see nothing of the control data', () => {
  it('keeps who has written on the primary, until all that it names is granted', async () => {
    await cluster.primary.query(`REVOKE EXECUTE ON FUNCTION ${controlData} FROM PUBLIC`);
    await cluster.waitForCatchUp();
    const pool = await openAs('app');
    const cookie = await write(pool);
    await cluster.waitForCatchUp();
    expect(await read(pool, cookie)).toMatchObject([{ role: 'primary', reason: 'pin' }]);
    const [hint = ''] = hintsOf(pool);
    expect(hint).toContain('pg_monitor');
    expect(hint).toContain('pg_control_system()');
    await cluster.primary.query(hint);
    await eventually('nothing more is to be granted', () => hintsOf(pool).length === 0);
    const later = await write(pool);
    await cluster.waitForCatchUp();
    await eventually(
      'the replica serves its client',
      async () => (await read(pool, later)).at(-1)?.reason === 'caught-up',
    );
  });
});

describe('a pin of another database system', () => {
  it('holds for its time, and asks nothing of replicas after that', async () => {
    let now = Date.now();
    const timed = defineReplication({ secret: 'the secret of these tests is long enough', now: () => now });
    const elsewhere = { name: 'main', readOnly: false, currentPosition: async () => '1-1-zzzzzzzzzz' };
    const scope = openRequest(timed, { method: 'POST', path: '/', headers: {}, secure: false });
    scope.session.beginWrite(elsewhere);
    scope.session.endWrite(elsewhere);
    await readyToSeal(scope);
    const cookie = cookieOf(scope);
    const pool = await openAs('postgres');
    expect(await read(pool, cookie, timed)).toMatchObject([{ role: 'primary', reason: 'pin' }]);
    now += 5_000;
    expect(await read(pool, cookie, timed)).toMatchObject([{ role: 'replica' }]);
  });
});

async function openAs(user: string): Promise<ReplicatedPool> {
  const as = (url: string): string => url.replace('//postgres@', `//${user}@`);
  const pool = await openPool(cluster, {
    ...patient,
    primary: { name: 'primary', connectionString: as(cluster.url) },
    replicas: cluster.replicas.map(({ name, url }) => ({ name, connectionString: as(url) })),
  });
  pools.push(pool);
  return pool;
}

async function failOver(): Promise<void> {
  await cluster.primary.kill();
  await first.promote();
  await second.follow(first);
}

function statusOf(
  pool: ReplicatedPool,
  name: string,
): ReturnType<ReplicatedPool['status']>['nodes'][number] | undefined {
  return pool.status().nodes.find((node) => node.name === name);
}

/** What is to be granted, each once. */
function hintsOf(pool: ReplicatedPool): readonly string[] {
  const up = pool.status().nodes.filter(({ state }) => state === 'up');
  return [...new Set(up.flatMap(({ hint }) => hint ?? []))];
}

/** @returns the cookie that the client gets */
async function write(pool: ReplicatedPool): Promise<string> {
  const scope = openRequest(config, { method: 'POST', path: '/', headers: {}, secure: false });
  await runInScope(scope, () => pool.query(insert('x')));
  await readyToSeal(scope);
  return cookieOf(scope);
}

function cookieOf(scope: Scope): string {
  return (sealResponse(scope)?.cookie ?? '').split(';')[0] ?? '';
}

async function read(
  pool: ReplicatedPool,
  cookie?: string,
  settings = config,
): Promise<Scope['session']['uses']> {
  const headers = cookie === undefined ? {} : { cookie };
  const scope = openRequest(settings, { method: 'GET', path: '/', headers, secure: false });
  await runInScope(scope, () => pool.query('SELECT count(*) FROM notes'));
  return scope.session.uses;
}
