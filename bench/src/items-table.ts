import type { LocalCluster } from '@node-replicated/local-cluster';

const rows = 10_000;

/** The primary-key look-up that is measured. */
export const selectItem = 'SELECT id, name, price FROM bench_items WHERE id = $1';

/** An id that exists; consecutive turns are far apart. */
export function itemId(turn: number): number {
  return ((turn * 7_919) % rows) + 1;
}

/** Makes the table, and waits until every replica has it. */
export async function createItems(cluster: LocalCluster): Promise<void> {
  await cluster.primary.query(
    'CREATE TABLE bench_items (id int PRIMARY KEY, name text NOT NULL, price int NOT NULL)',
  );
  await cluster.primary.query(
    "INSERT INTO bench_items SELECT n, 'item number ' || n, n % 977 FROM generate_series(1, $1::int) AS n",
    [rows],
  );
  await cluster.primary.query('VACUUM ANALYZE bench_items');
  await cluster.waitForCatchUp();
}
