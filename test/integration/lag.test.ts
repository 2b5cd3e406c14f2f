import { type LocalCluster, type LocalNode, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  duringGet,
  eventually,
  insert,
  notesSchema,
  numberOn,
  openPool,
  stateOf,
  where,
  within,
} from './stage.js';

/** Every statement is written down, with the name of who sent it. */
const settings = {
  logging_collector: 'on',
  log_directory: 'log',
  log_filename: 'statements.log',
  log_statement: 'all',
  log_line_prefix: '%a|',
};
const maxLagMs = 1_000;
/** For how long nothing is written; a minute where nobody waits for the tests. */
const idleMs = process.env.CI === 'true' ? 60_000 : 3_000;

let cluster: LocalCluster;
let replica: LocalNode;
let pool: ReplicatedPool;

beforeAll(async () => {
  cluster = await startCluster({ replicas: 2, settings });
  [replica] = cluster.replicas as [LocalNode];
  await cluster.primary.query(notesSchema);
  await cluster.waitForCatchUp();
  pool = await openPool(cluster, { maxLagMs });
});

afterEach(async () => {
  await replica.setLag(0);
  await cluster.waitForCatchUp();
});

afterAll(async () => {
  if (pool !== undefined) await within(5_000, 'the end of the pool', pool.end());
  await cluster?.stop();
});

test('an idle primary shows no lag, however long nothing is written', {
  timeout: idleMs + 30_000,
}, async () => {
  await eventually('all have everything', () => lags().every((lag) => lag === 0));
  const asked = (await probesOf(replica)).length;
  const began = performance.now();
  const seen: number[] = [];
  const look = (): boolean => {
    seen.push(...lags().map((lag) => Number(lag)));
    return performance.now() - began >= idleMs;
  };
  await eventually('nothing was written for long', look, idleMs + 10_000);
  expect((await probesOf(replica)).length).toBeGreaterThan(asked + 10);
  // What a server writes for itself may take a moment; the time without a write would be all of this.
  expect(Math.max(...seen)).toBeLessThan(idleMs / 2);
  await eventually('nobody lags', () => lags().every((lag) => lag === 0));
});

test('no probe asks a server what time it is', async () => {
  await pool.query(insert('x'));
  const asked = (await Promise.all(cluster.nodes.map(probesOf))).flat();
  expect(asked.length).toBeGreaterThan(2 * cluster.nodes.length);
  expect(asked.join('\n')).toMatch(/pg_last_wal_replay_lsn/);
  expect(asked.join('\n')).not.toMatch(/\bnow\b|clock|timestamp|_time\b|_at\b|\bdate\b|age\(|_lag\b/i);
});

test('a replica that is cut off lags for as long as that lasts, and is read from no more', async () => {
  // It goes on to answer whoever asks it.
  const receiver = await numberOn(replica, 'SELECT pid AS n FROM pg_stat_wal_receiver');
  process.kill(receiver, 'SIGSTOP');
  try {
    await expectCutOff();
  } finally {
    process.kill(receiver, 'SIGCONT');
  }
});

test('a replica that replays late lags by that, while there is something to replay', async () => {
  const lagMs = 400;
  await replica.setLag(lagMs);
  await eventually('it lags', async () => {
    await pool.query(insert('x'));
    const [late, other] = [lagOf('replica-1') ?? 0, lagOf('replica-2') ?? 0];
    return late >= lagMs / 2 && other < late;
  });
  await eventually('it has caught up', () => lagOf('replica-1') === 0);
});

async function expectCutOff(): Promise<void> {
  await pool.query(insert('missed'));
  let last = 0;
  for (const atLeast of [100, 300, 500]) {
    await eventually(`it lags ${atLeast} ms`, () => (lagOf('replica-1') ?? 0) >= atLeast);
    expect(lagOf('replica-1')).toBeGreaterThan(last);
    last = lagOf('replica-1') ?? 0;
  }
  await eventually('it lags too much', () => stateOf(pool, 'replica-1') === 'lagging');
  for (let round = 0; round < 20; round += 1) {
    expect(await duringGet(() => where(pool))).not.toMatchObject({ port: replica.serverPort });
  }
}

function lagOf(name: string): number | null {
  return pool.status().nodes.find((node) => node.name === name)?.lagMs ?? null;
}

function lags(): readonly unknown[] {
  return pool.status().nodes.map(({ lagMs }) => lagMs);
}

/** What the monitor has asked a node. */
async function probesOf(node: LocalNode): Promise<readonly string[]> {
  const { rows } = await node.query<{ log: string }>("SELECT pg_read_file('log/statements.log') AS log");
  const statements = (rows[0]?.log ?? '').split(/^(?=[^\t\n]*\|)/m);
  return statements.filter((statement) => statement.startsWith('node-replicated monitor|LOG:  statement'));
}
