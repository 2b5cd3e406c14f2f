import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type LocalCluster, type LocalNode, startCluster } from '../src/index.js';
import { childrenOf, listProcesses } from '../src/processes.js';
import { attempt, connectTo, eventually, isPending, seenBy } from './observe.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describe('a node', () => {
  let cluster: LocalCluster;
  let primary: LocalNode;
  let replica: LocalNode;
  const ask = (): Promise<unknown> => primary.query('SELECT 1');

  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 });
    primary = cluster.primary;
    [replica] = cluster.replicas as [LocalNode];
    await primary.query('CREATE TABLE seen AS SELECT 1 AS n');
    await cluster.waitForCatchUp();
  });
  afterEach(async () => {
    for (const node of cluster.nodes) {
      await node.thaw();
      await node.heal();
      if (!node.running) await node.restart();
    }
  });
  afterAll(() => cluster?.stop());

  it('that is frozen does not answer on a live connection until it is thawed', async () => {
    const client = await connectTo(replica.url);
    await replica.freeze();
    const answer = client.query('SELECT 1 AS one');
    expect(await isPending(answer, ask)).toBe(true);
    expect(replica.running).toBe(true);
    await replica.thaw();
    expect((await answer).rows).toEqual([{ one: 1 }]);
    await client.end();
  });

  it('that is frozen accepts a new connection and does not answer until it is thawed', async () => {
    await replica.freeze();
    const connecting = connectTo(replica.url);
    expect(await isPending(connecting, ask)).toBe(true);
    await replica.thaw();
    await (await connecting).end();
  });

  it('that is frozen has every one of its processes suspended', async () => {
    await replica.freeze();
    const all = listProcesses();
    const family = [...all.filter(({ pid }) => pid === replica.pid), ...childrenOf(replica.pid ?? 0, all)];
    expect(family.length).toBeGreaterThan(3);
    await eventually('all are stopped', () => {
      const stopped = listProcesses().filter(({ state }) => state === 'T');
      return family.every(({ pid }) => stopped.some((one) => one.pid === pid));
    });
  });

  it('that is frozen refuses admin calls at once', async () => {
    await replica.freeze();
    await replica.freeze();
    const refused = { code: 'ERR_CLUSTER_STATE', message: 'replica-1 is frozen.' };
    await expect(replica.query('SELECT 1')).rejects.toMatchObject(refused);
    await expect(replica.setLag(5)).rejects.toMatchObject(refused);
    await expect(replica.promote()).rejects.toMatchObject(refused);
  });

  it('that is killed breaks its connections and refuses new ones, and comes back with its data', async () => {
    const client = await connectTo(primary.url);
    const lost = new Promise<void>((resolve) => client.once('end', resolve));
    const { pid, url } = primary;
    await primary.kill();
    await lost;
    expect(primary.running).toBe(false);
    expect(primary.pid).toBeUndefined();
    expect(await attempt(primary)).toBe('ECONNREFUSED');
    await expect(primary.query('SELECT 1')).rejects.toMatchObject({ code: 'ERR_CLUSTER_STATE' });

    await primary.restart();
    expect(primary.url).toBe(url);
    expect(primary.pid).not.toBe(pid);
    expect(await attempt(primary)).toBe('connected');
    expect(await seenBy(primary)).toContain(1);
  });

  it('that is killed keeps what it has acknowledged, and its replica streams again', async () => {
    await primary.query('INSERT INTO seen VALUES (2)');
    await primary.kill();
    await primary.restart();
    await primary.query('INSERT INTO seen VALUES (3)');
    await cluster.waitForCatchUp();
    expect(await seenBy(replica)).toEqual([1, 2, 3]);
  });

  it('that is frozen can be killed', async () => {
    await replica.freeze();
    await replica.kill();
    expect(replica.running).toBe(false);
    await replica.restart();
    await cluster.waitForCatchUp();
  });

  it.each(['fast', 'immediate', 'smart'] as const)(
    'that is shut down (%s) can be started again',
    async (mode) => {
      await replica.shutdown(mode);
      expect(replica.running).toBe(false);
      expect(await attempt(replica)).toBe('ECONNREFUSED');
      await replica.shutdown(mode);
      await replica.restart();
      expect(await attempt(replica)).toBe('connected');
      await cluster.waitForCatchUp();
    },
  );

  it('that runs can be restarted', async () => {
    const { pid } = replica;
    await replica.restart();
    expect(replica.pid).not.toBe(pid);
    await cluster.waitForCatchUp();
  });

  it('that dies by itself is seen to be gone', async () => {
    process.kill(replica.pid ?? 0, 'SIGQUIT');
    await eventually('it is gone', () => !replica.running);
    expect(await attempt(replica)).toBe('ECONNREFUSED');
  });

  it('that is cut (refuse) loses its connections and refuses new ones until it is healed', async () => {
    const client = await connectTo(replica.url);
    const lost = new Promise<void>((resolve) => client.once('end', resolve));
    await replica.cut();
    await lost;
    expect(await attempt(replica)).toBe('ECONNREFUSED');
    expect((await replica.query('SELECT 1')).rowCount).toBe(1);
    const { url } = replica;
    await replica.heal();
    expect(replica.url).toBe(url);
    expect(await attempt(replica)).toBe('connected');
  });

  it('that is cut (reset) resets its connections and new ones until it is healed', async () => {
    const client = await connectTo(replica.url);
    const broken = new Promise<Error>((resolve) => client.once('error', resolve));
    await replica.cut('reset');
    expect(await broken).toMatchObject({ code: 'ECONNRESET' });
    expect(await attempt(replica)).toBe('ECONNRESET');
    await replica.heal();
    expect(await attempt(replica)).toBe('connected');
  });

  it('that is cut (blackhole) swallows everything, and delivers it when it is healed', async () => {
    const client = await connectTo(replica.url);
    await replica.cut('blackhole');
    const answer = client.query('SELECT 1 AS one');
    const connecting = connectTo(replica.url);
    expect(await isPending(Promise.race([answer, connecting]), ask)).toBe(true);
    await replica.heal();
    expect((await answer).rows).toEqual([{ one: 1 }]);
    await (await connecting).end();
    await client.end();
  });

  it('goes from one way of being cut to another', async () => {
    await replica.cut('refuse');
    await replica.cut('reset');
    expect(await attempt(replica)).toBe('ECONNRESET');
    await replica.cut('blackhole');
    const client = connectTo(replica.url);
    expect(await isPending(client, ask)).toBe(true);
    await replica.cut('refuse');
    await expect(client).rejects.toThrow();
    expect(await attempt(replica)).toBe('ECONNREFUSED');
  });

  it('stays cut over a restart', async () => {
    await replica.cut();
    await replica.restart();
    expect(await attempt(replica)).toBe('ECONNREFUSED');
    await replica.heal();
    expect(await attempt(replica)).toBe('connected');
  });

  it('goes on replicating while it is cut from its applications', async () => {
    await replica.cut('blackhole');
    await primary.query('INSERT INTO seen VALUES (4)');
    await cluster.waitForCatchUp();
    expect(await seenBy(replica)).toContain(4);
  });
});
