import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileExamples } from '../integration/examples.js';
import { type ServedExample, serveExample } from '../integration/served-example.js';
import { eventually } from '../integration/stage.js';
import { describeWithRedis, redis } from './redis-stage.js';

const folder = resolve(import.meta.dirname, '../.jobs');

interface ShownJob {
  readonly state: string;
  readonly result?: string;
  readonly error?: string;
}

describeWithRedis('the example with BullMQ, while no replica replays', () => {
  let cluster: LocalCluster;
  let example: ServedExample;
  let queue: Queue;

  beforeAll(async () => {
    const out = await compileExamples(['docs/jobs.md'], folder);
    cluster = await startCluster({ replicas: 2 });
    await cluster.primary.query('CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL)');
    await cluster.waitForCatchUp();
    await Promise.all(cluster.replicas.map((replica) => replica.pauseReplay()));
    const url = `redis://127.0.0.1:${redis.port}`;
    queue = new Queue('orders', { connection: { url } });
    example = await serveExample(join(out, 'bullmq.js'), {
      REDIS_URL: url,
      DATABASE_URL: cluster.url,
      DATABASE_REPLICA_URLS: cluster.replicaUrls.join(','),
      REPLICATION_SECRET: 'a secret for the examples that is long enough',
    });
  });

  afterAll(async () => {
    await example?.[Symbol.asyncDispose]();
    await queue?.close();
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function ended(job: string | undefined): Promise<ShownJob> {
    let shown: ShownJob | undefined;
    await eventually('the job has ended', async () => {
      shown = (await (await fetch(`${example.url}/jobs/${job}`)).json()) as ShownJob;
      return shown.state === 'completed' || shown.state === 'failed';
    });
    if (shown === undefined) throw new Error('The job was not shown.');
    return shown;
  }

  it('a job finds the order that its request has written', async () => {
    const response = await fetch(`${example.url}/orders`, { method: 'POST' });
    const { job } = (await response.json()) as { job: string };
    expect(await ended(job)).toEqual({ state: 'completed', result: 'confirmed: an order' });
  });

  it('without the pin it does not find it', async () => {
    const { rows } = await cluster.primary.query<{ id: number }>(
      "INSERT INTO notes (text) VALUES ('an order') RETURNING id",
    );
    const { id } = await queue.add('confirm', { id: rows[0]?.id });
    expect(await ended(id)).toMatchObject({ state: 'failed', error: `there is no order ${rows[0]?.id}` });
  });
});
