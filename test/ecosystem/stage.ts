import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { compileExamples, withDecorators } from '../integration/examples.js';
import { eventually, inUse, notesSchema, whereSql, within } from '../integration/stage.js';

const folder = resolve(import.meta.dirname, '.examples');

/** What the example of a library's page exports, as far as all of them do. */
export interface LibraryExample {
  readonly pool: ReplicatedPool;
}

/** A page of docs/libraries, and the cluster on which its example is run. */
export interface LibraryStage<E extends LibraryExample> {
  /** A primary and two replicas. */
  readonly cluster: LocalCluster;
  /** The page's code, as it was compiled and is running. */
  readonly example: E;
}

/** What one library needs beyond the others. */
interface LibraryStageOptions {
  /** Statements that create what only this library's tests use. */
  readonly schema?: string;
  /** What has to be there before the page's code is compiled; it is given the folder of that code. */
  readonly prepare?: (folder: string) => Promise<void>;
}

/** The text of a note that the database refuses. */
export const refusedBody = 'refused';

/**
 * The tables of these tests: notes, whose rows tell which server wrote them, and a view by which the statements of
 * query builders tell where they run.
 */
const librarySchema = `${notesSchema};
  ALTER TABLE notes ADD CHECK (body <> '${refusedBody}');
  CREATE VIEW here AS ${whereSql};`;

/**
 * Starts one cluster for all tests of a file, and runs the code of `docs/libraries/<library>.md` on it. Each test
 * has to give back the connections that it took.
 */
export function stageLibrary<E extends LibraryExample>(
  library: string,
  { schema = '', prepare }: LibraryStageOptions = {},
): LibraryStage<E> {
  let cluster: LocalCluster | undefined;
  let example: E | undefined;
  const own = join(folder, library);

  beforeAll(async () => {
    await prepare?.(own);
    const compiled = await compileExamples([`docs/libraries/${library}.md`], own, withDecorators);
    cluster = await startCluster({ replicas: 2 });
    await cluster.primary.query(librarySchema + schema);
    await cluster.waitForCatchUp();
    vi.stubEnv('DATABASE_URL', cluster.url);
    vi.stubEnv('DATABASE_REPLICA_URLS', cluster.replicaUrls.join(','));
    example = (await import(pathToFileURL(join(compiled, `${library}.js`)).href)) as E;
    vi.unstubAllEnvs();
    const { pool } = example;
    await eventually('every node is up', () => pool.status().nodes.every(({ state }) => state === 'up'));
  });

  // One test's leak is not the next one's.
  let taken = 0;
  beforeEach(() => {
    taken = inUse(running(example).pool);
  });
  afterEach(async () => {
    const { pool } = running(example);
    await eventually('every connection was given back', () => inUse(pool) <= taken, 5_000);
  });

  afterAll(async () => {
    if (example?.pool.ending === false) await within(10_000, 'the end of the pool', example.pool.end());
    await cluster?.stop();
    rmSync(own, { recursive: true, force: true });
  });

  return {
    get cluster() {
      return running(cluster);
    },
    get example() {
      return running(example);
    },
  };
}

function running<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('It is there from the first test on.');
  return value;
}
