import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileExamples } from './examples.js';

const folder = resolve(import.meta.dirname, '../.observability');

let cluster: LocalCluster;
let out: string;

beforeAll(async () => {
  out = await compileExamples(['docs/observability.md'], folder);
  cluster = await startCluster({ replicas: 1 });
});

afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('the pool of the example writes its events through pino, as the page shows', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(out, 'logging.js')], {
    env: { ...process.env, DATABASE_URL: cluster.url, DATABASE_REPLICA_URLS: cluster.replicaUrls.join(',') },
  });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  const { host } = new URL(cluster.url);
  expect(lines).toContainEqual(
    expect.objectContaining({
      level: 30,
      event: 'primary-changed',
      cluster: 'main',
      to: host,
      msg: `the primary of cluster main is ${host}`,
    }),
  );
});
