import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import { ReplicatedPool } from '@node-replicated/pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  during,
  duringGet,
  duringPost,
  impatient,
  insert,
  notesSchema,
  numberOn,
  openPool,
  request,
  where,
} from './stage.js';

describe('one server', () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 0 });
    await cluster.primary.query(notesSchema);
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
