import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileExamples } from '../integration/examples.js';
import { type ServedExample, serveExample } from '../integration/served-example.js';
import { eventually } from '../integration/stage.js';
import { describeWithRedis, redis } from './redis-stage.js';

const folder = resolve(import.meta.dirname, '../.redis');

interface ShownJob {
  readonly state: string;
  readonly result?: string;
  readonly error?: string;
}

describeWithRedis('the examples with Redis, while no replica replays', () => {
  let cluster: LocalCluster;
  let queue: Queue;
  let serve: (file: string) => Promise<string>;
  const served: ServedExample[] = [];

  beforeAll(async () => {
    const out = await compileExamples(['docs/jobs.md', 'docs/consistency.md'], folder);
    cluster = await startCluster({ replicas: 2 });
    await cluster.primary.query('CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL)');
    await cluster.waitForCatchUp();
    await Promise.all(cluster.replicas.map((replica) => replica.pauseReplay()));
    const url = `redis://127.0.0.1:${redis.port}`;
    queue = new Queue('orders', { connection: { url } });
    const environment = {
      REDIS_URL: url,
      DATABASE_URL: cluster.url,
      DATABASE_REPLICA_URLS: cluster.replicaUrls.join(','),
      REPLICATION_SECRET: 'a secret for the examples that is long enough',
    };
    serve = async (file) => {
      const example = await serveExample(join(out, file), environment);
      served.push(example);
      return example.url;
    };
  });

  afterAll(async () => {
    for (const example of served) await example[Symbol.asyncDispose]();
    await queue?.close();
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('of two processes each shows a device what it has written on the other', async () => {
    const urls = [await serve('redis.js'), await serve('redis.js')];
    const headers = { 'x-device': 'one' };
    const notes = async (url: string | undefined): Promise<unknown> =>
      (await fetch(`${url}/notes`, { headers })).json();
    for (const [index, url] of urls.entries()) {
      expect((await fetch(`${url}/notes`, { method: 'POST', headers })).status).toBe(201);
      expect(await notes(urls[1 - index])).toEqual({ notes: index + 1 });
    }
  });

  it('a job of BullMQ finds the order that its request has written, and does not without its pin', async () => {
    const url = await serve('bullmq.js');
    const response = await fetch(`${url}/orders`, { method: 'POST' });
    const { job } = (await response.json()) as { job: string };
    expect(await ended(url, job)).toEqual({ state: 'completed', result: 'confirmed: an order' });

    const { rows } = await cluster.primary.query<{ id: number }>(
      "INSERT INTO notes (text) VALUES ('an order') RETURNING id",
    );
    const { id } = await queue.add('confirm', { id: rows[0]?.id });
    expect(await ended(url, id)).toMatchObject({
      state: 'failed',
      error: `there is no order ${rows[0]?.id}`,
    });
  });
});

async function ended(url: string, job: string | undefined): Promise<ShownJob> {
  let shown: ShownJob | undefined;
  await eventually('the job has ended', async () => {
    shown = (await (await fetch(`${url}/jobs/${job}`)).json()) as ShownJob;
    return shown.state === 'completed' || shown.state === 'failed';
  });
  if (shown === undefined) throw new Error('The job was not shown.');
  return shown;
}
