import type { LocalCluster } from '@node-replicated/local-cluster';

/** How many boards there are. Visitors share them, so that a board moves on while its visitor thinks. */
export const boardCount = 20;

export const selectBoard = 'SELECT version FROM offload_boards WHERE id = $1';

/** The row's lock makes the versions of a board follow each other. */
export const postToBoard = 'UPDATE offload_boards SET version = version + 1 WHERE id = $1 RETURNING version';

/** What both statements answer with. */
export interface BoardRow {
  readonly version: number;
}

/** Makes the table, and waits until every replica has it. */
export async function createBoards(cluster: LocalCluster): Promise<void> {
  // Mostly empty pages, so that an update stays in its page and changes no index.
  await cluster.primary.query(
    'CREATE TABLE offload_boards (id int PRIMARY KEY, version int NOT NULL) WITH (fillfactor = 10)',
  );
  await cluster.primary.query(
    'INSERT INTO offload_boards SELECT n, 0 FROM generate_series(1, $1::int) AS n',
    [boardCount],
  );
  await cluster.waitForCatchUp();
}

/** The version in an answer. */
export function versionIn(rows: readonly BoardRow[]): number {
  const [row] = rows;
  if (row === undefined || rows.length > 1) throw new Error(`A board answered with ${rows.length} rows.`);
  return row.version;
}
