import { setTimeout as sleep } from 'node:timers/promises';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool, ReplicatedPoolOptions } from '@node-replicated/pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { becomes } from './nodes-stage.js';
import { duringGet, eventually, openPool } from './stage.js';

describe('of two replicas', () => {
  let cluster: LocalCluster;
  let own: ReplicatedPool;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 2 });
  });
  afterEach(async () => {
    await own.end();
    for (const node of cluster.replicas) await node.thaw();
    for (const node of cluster.replicas) if (!node.running) await node.restart();
    await cluster.waitForCatchUp();
  });
  afterAll(() => cluster?.stop());

  /** A pool whose replicas have some settings of their own. */
  async function open(
    settings: readonly [first: object, second: object],
    options: ReplicatedPoolOptions = {},
  ): Promise<void> {
    const replicas = cluster.replicas.map(({ name, url }, index) => ({
      name,
      connectionString: url,
      ...settings[index],
    }));
    own = await openPool(cluster, { name: 'balanced', replicas, ...options });
  }

  /** Which share of some reads the first one serves. */
  async function shareOfFirst(reads = 300): Promise<number> {
    let ofFirst = 0;
    for (let read = 0; read < reads; read += 1) {
      const { rows } = await duringGet(() => own.query('SELECT inet_server_port() AS port'));
      if (rows[0]?.port === cluster.replicas[0]?.serverPort) ofFirst += 1;
    }
    return ofFirst / reads;
  }

  it.each(['least-busy', 'round-robin', 'random'] as const)('%s serves from both alike', async (balance) => {
    await open([{}, {}], { balance });
    expect(Math.abs((await shareOfFirst()) - 0.5)).toBeLessThan(0.15);
  });

  it('fastest serves from the one that answers sooner', async () => {
    await open([{}, {}], { balance: 'fastest', probeTimeoutMs: 5_000 });
    await shareOfFirst(10);
    await cluster.replicas[0]?.freeze();
    // So long takes the answer that the average is to remember.
    await sleep(2_000);
    await cluster.replicas[0]?.thaw();
    let slowest = 0;
    await eventually('its slow answer was seen', () => {
      const ms = own.status().nodes.find(({ name }) => name === 'replica-1')?.roundTripMs ?? 0;
      slowest = Math.max(slowest, ms);
      return slowest > 1_000;
    });
    expect(await shareOfFirst()).toBeLessThan(0.1);
  });

  it('the one that weighs more serves more', async () => {
    await open([{ weight: 9 }, { weight: 1 }]);
    const share = await shareOfFirst();
    expect(share).toBeGreaterThan(0.8);
    expect(share).toBeLessThan(1);
  });

  it('the one in the own zone serves everything, and the other one when that is lost', async () => {
    await open([{ zone: 'a' }, { zone: 'b' }], { zone: 'b' });
    expect(await shareOfFirst(50)).toBe(0);
    await cluster.replicas[1]?.kill();
    await becomes(own, 'replica-2', 'down');
    expect(await shareOfFirst(50)).toBe(1);
    await cluster.replicas[1]?.restart();
    await becomes(own, 'replica-2', 'up');
    expect(await shareOfFirst(50)).toBe(0);
  });

  it('the other one serves too while the one in the own zone has no room left', async () => {
    await open([{ zone: 'a' }, { zone: 'b' }], { zone: 'b', max: 2 });
    const slow = Array.from({ length: 4 }, () =>
      duringGet(() => own.query('SELECT inet_server_port() AS port FROM pg_sleep(0.3)')),
    );
    const ports = (await Promise.all(slow)).map(({ rows }) => rows[0]?.port).toSorted();
    const [first, second] = cluster.replicas.map(({ serverPort }) => serverPort);
    expect(ports).toEqual([first, first, second, second].toSorted());
  });

  it('the one that came back takes load gradually', async () => {
    await open([{}, {}], { slowStartMs: 3_600_000 });
    expect(Math.abs((await shareOfFirst()) - 0.5)).toBeLessThan(0.15);
    await cluster.replicas[0]?.kill();
    await becomes(own, 'replica-1', 'down');
    await cluster.replicas[0]?.restart();
    await becomes(own, 'replica-1', 'up');
    expect(await shareOfFirst()).toBeLessThan(0.15);
    await cluster.replicas[1]?.kill();
    await becomes(own, 'replica-2', 'down');
    expect(await shareOfFirst(20)).toBe(1);
  });
});
