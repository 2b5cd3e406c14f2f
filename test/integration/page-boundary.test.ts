import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import { ReplicatedPool } from '@node-replicated/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startCluster({ replicas: 1, settings: { autovacuum: 'off' } });
});

afterAll(() => cluster.stop());

test('an idle primary whose last record ends a page of the log shows no lag', async () => {
  await expect.poll(endsPage, { timeout: 20_000, interval: 0 }).toBe(true);
  await using pool = new ReplicatedPool({
    primary: cluster.url,
    replicas: cluster.replicaUrls,
    probeIntervalMs: 50,
    maxLagMs: 200,
  });
  const seen = new Set<string>();
  const began = performance.now();
  await expect
    .poll(
      () => {
        for (const node of pool.status().nodes) if (node.role === 'replica') seen.add(node.state);
        return performance.now() - began > 1_000;
      },
      { timeout: 10_000 },
    )
    .toBe(true);
  expect(seen).toEqual(new Set(['up']));
});

/** Writes a record that just fills the page, and tells whether nobody else has written meanwhile. */
async function endsPage(): Promise<boolean> {
  const { primary } = cluster;
  const { rows } = await primary.query<{ left: number }>(
    "SELECT 8192 - ((pg_current_wal_insert_lsn() - '0/0') % 8192)::int AS left",
  );
  const left = rows[0]?.left ?? 0;
  if (left < 200) {
    await primary.query("SELECT pg_logical_emit_message(false, 'p', repeat('x', 300))");
    return false;
  }
  await primary.query("SELECT pg_logical_emit_message(false, 'p', repeat('x', $1))", [left - 56]);
  const after = await primary.query<{ ends: boolean }>(
    "SELECT (pg_current_wal_insert_lsn() - '0/0') % 8192 = 24 AS ends",
  );
  return after.rows[0]?.ends === true;
}
