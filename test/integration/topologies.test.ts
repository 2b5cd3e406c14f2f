import { defineReplication } from '@node-replicated/core';
import {
  openRequest,
  readyToSeal,
  runInScope,
  type Scope,
  sealResponse,
} from '@node-replicated/core/adapter';
import {
  type ClusterOptions,
  type LocalCluster,
  type LocalNode,
  startCluster,
} from '@node-replicated/local-cluster';
import type { ReplicatedPool, ReplicatedPoolOptions } from '@node-replicated/pg';
import { afterEach, describe, expect, it } from 'vitest';
import { becomes } from './nodes-stage.js';
import { eventually, insert, notesSchema, numberOn, openPool } from './stage.js';

const config = defineReplication({ secret: 'the secret of these tests is long enough', pin: { forMs: 0 } });
const remoteApply = { synchronous_commit: 'remote_apply' };
/** A look at a replica may take long on a busy machine: a read rather waits than goes to the primary. */
const patient = { waitForReplicaMs: 20_000 };
const countSql = 'SELECT count(*) AS n FROM notes';

let cluster: LocalCluster;
let first: LocalNode;
let second: LocalNode;
let own: ReplicatedPool;

async function start(options: ClusterOptions, poolOptions: ReplicatedPoolOptions = {}): Promise<void> {
  cluster = await startCluster(options);
  [first, second] = cluster.replicas as [LocalNode, LocalNode];
  await cluster.primary.query(notesSchema);
  await cluster.waitForCatchUp();
  own = await openPool(cluster, poolOptions);
}

afterEach(async () => {
  for (const node of cluster.nodes) if (node.running) await node.thaw();
  await own?.end();
  await cluster?.stop();
});

describe('a chain of replicas', () => {
  it('serves reads at its end, also those that must see a write', async () => {
    await start({ cascade: true }, patient);
    await first.pauseReplay();
    const get = await write('through the chain');
    await eventually('the end of the chain has it', async () => (await notesOn(second)) === 1);
    // What is paused at its upstream, the end of the chain has replayed.
    expect(await read(get())).toEqual({
      notes: 1,
      uses: [{ node: 'replica-2', role: 'replica', reason: 'caught-up' }],
    });
  });

  it('serves no read at its end that must see a write which is held up there', async () => {
    await start({ cascade: true });
    await own.end();
    own = await openPool(cluster, { replicas: [{ name: 'replica-2', connectionString: second.url }] });
    await second.pauseReplay();
    const get = await write('held up');
    expect(await read(get())).toEqual({
      notes: 1,
      uses: [{ node: 'primary', role: 'primary', reason: 'pin' }],
    });
    await second.resumeReplay();
    await cluster.waitForCatchUp();
    await becomesServed(get, 'replica-2');
  });

  it('follows a promotion upstream, and serves the new history only once it is on it', async () => {
    await start({ cascade: true });
    await cluster.primary.kill();
    await first.promote();
    await eventually('the new primary is known', () => own.status().primary === 'replica-1');
    await eventually('the end of the chain is on the new timeline', () => timelineOf('replica-2') === 2);
    await second.pauseReplay();
    const get = await write('after the promotion');
    expect(await read(get())).toEqual({
      notes: 1,
      uses: [{ node: 'replica-1', role: 'primary', reason: 'pin' }],
    });
    await second.resumeReplay();
    await cluster.waitForCatchUp();
    await becomesServed(get, 'replica-2');
  });

  it('serves on at its end while its upstream is away, and falls behind openly', async () => {
    await start({ cascade: true });
    await first.kill();
    await becomes(own, 'replica-1', 'down');
    const get = await write('past the gap');
    expect(await read(get())).toMatchObject({ notes: 1, uses: [{ node: 'primary', reason: 'pin' }] });
    const anybody = openRequest(config, { method: 'GET', path: '/', headers: {}, secure: false });
    expect(await read(anybody)).toMatchObject({ notes: 0, uses: [{ node: 'replica-2', reason: 'method' }] });
    await first.restart();
    await cluster.waitForCatchUp();
    await eventually(
      'the end of the chain serves it',
      async () => (await read(get())).uses[0]?.role === 'replica',
    );
  });
});

describe('a quorum of replicas', () => {
  it('writes go on while one replica is left', async () => {
    await start({ quorum: true });
    for (const node of [first, second]) {
      await node.freeze();
      await write(`without ${node.name}`);
      await node.thaw();
    }
    expect(await notesOn(cluster.primary)).toBe(2);
  });

  it('with remote_apply, a replica that has it is found at once for the read that follows a write', async () => {
    await start({ quorum: true, settings: remoteApply }, patient);
    for (const [paused, fine] of [
      [first, second],
      [second, first],
    ] as const) {
      await paused.pauseReplay();
      const get = await write('applied by one');
      expect(await notesOn(fine)).toBe(await notesOn(cluster.primary));
      expect(await read(get())).toMatchObject({ uses: [{ node: fine.name, reason: 'caught-up' }] });
      await paused.resumeReplay();
      await cluster.waitForCatchUp();
    }
  });
});

describe('a synchronous replica', () => {
  it('with remote_apply, has what was written before anybody is told, and after a failover it is there', async () => {
    await start({ sync: true, settings: remoteApply }, patient);
    await second.pauseReplay();
    const get = await write('on both');
    expect(await notesOn(first)).toBe(1);
    expect(await read(get())).toMatchObject({ notes: 1, uses: [{ node: 'replica-1', reason: 'caught-up' }] });
    await cluster.primary.kill();
    await first.promote();
    await eventually('the new primary is known', () => own.status().primary === 'replica-1');
    expect(await read(get())).toMatchObject({ notes: 1, uses: [{ node: 'replica-1', role: 'primary' }] });
  });
});

/** Writes a note, and gives the requests of the client that wrote it. */
async function write(body: string): Promise<() => Scope> {
  const scope = openRequest(config, { method: 'POST', path: '/notes', headers: {}, secure: false });
  await runInScope(scope, () => own.query(insert(body)));
  await readyToSeal(scope);
  const cookie = sealResponse(scope)?.cookie?.split(';', 1).join() ?? '';
  return () => openRequest(config, { method: 'GET', path: '/notes', headers: { cookie }, secure: false });
}

/** Waits until a replica serves a client's reads, none of which may miss the write. */
async function becomesServed(get: () => Scope, by: string): Promise<void> {
  await eventually(`${by} serves`, async () => {
    const { notes, uses } = await read(get());
    expect(notes).toBe(1);
    return uses[0]?.node === by && uses[0].reason === 'caught-up';
  });
}

async function read(scope: Scope): Promise<{ notes: number; uses: Scope['session']['uses'] }> {
  const { rows } = await runInScope(scope, () => own.query(countSql));
  return { notes: Number(rows[0]?.n), uses: scope.session.uses };
}

function notesOn(node: LocalNode): Promise<number> {
  return numberOn(node, countSql);
}

function timelineOf(name: string): number | null | undefined {
  return own.status().nodes.find((node) => node.name === name)?.timeline;
}
