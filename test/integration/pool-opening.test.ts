import { ReplicatedPool } from '@node-replicated/pg';
import { describe, expect, it } from 'vitest';
import { cluster, first, second, stageNodes } from './nodes-stage.js';
import {
  duringGet,
  duringPost,
  eventually,
  failureOf,
  impatient,
  insert,
  openPool,
  where,
  within,
} from './stage.js';

describe('a primary and two replicas', () => {
  stageNodes();

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
});
