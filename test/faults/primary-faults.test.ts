import type { CutMode } from '@node-replicated/local-cluster';
import { expect, test, vi } from 'vitest';
import { duringGet, eventually, failureOf, heard, numberOn, where } from '../integration/stage.js';
import { appUser, runOnServer } from './access.js';
import { becomes, cluster, openAppPool, pool, stageFaults, statusOf } from './faults-stage.js';
import { expectHonest, expectUnnoticed, underLoad, type Verdict } from './load.js';

/** What happens to the primary, without anybody taking its place. */
interface Fault {
  /** Makes it happen, and gives what undoes it. */
  readonly strike: () => Promise<() => unknown>;
  readonly failure: string;
}

vi.setConfig({ testTimeout: 90_000 });

// All that is acknowledged is on a replica, so that no read needs the primary.
stageFaults({ sync: 2, settings: { synchronous_commit: 'remote_apply' } });

const faults: Readonly<Record<string, Fault>> = {
  'is killed': { strike: kill, failure: 'unreachable' },
  'is frozen': { strike: freeze, failure: 'no-answer' },
  'refuses connections': { strike: cut('refuse'), failure: 'unreachable' },
  'resets connections': { strike: cut('reset'), failure: 'no-answer' },
  'is behind a black hole': { strike: cut('blackhole'), failure: 'no-answer' },
  'is shut down, which ends its sessions': { strike: shutDown, failure: 'unreachable' },
};

test.for(Object.entries(faults))(
  'while a primary %s, reads go on, writes wait for it, and none of them is lost or done twice',
  async ([, { strike, failure }], context) => {
    const changes = await heard('primary-changed', async () => {
      const verdict = await underLoad(
        { context, cluster, pool, untilServedByReplica: false },
        async (load) => {
          const undo = await strike();
          try {
            await eventually(`it is down: ${failure}`, () => {
              const seen = statusOf('primary');
              return seen.state === 'down' && seen.failure === failure;
            });
            expect(pool.status()).toMatchObject({ readOnly: true, primary: null });
            for (let read = 0; read < 20; read += 1) {
              expect(await duringGet(() => where(pool))).toMatchObject({ standby: true });
            }
          } finally {
            await undo();
          }
          await becomes(cluster.primary, 'up');
          await load.isWritten();
        },
      );
      expectHonest(verdict);
      expectWritesInDoubtAlone(verdict);
    });
    expect(changes.slice(0, 1)).toEqual([{ cluster: 'main', from: 'primary', to: undefined }]);
    expect(changes.at(-1)).toEqual({ cluster: 'main', from: undefined, to: 'primary' });
  },
);

test('a primary one of whose processes crashes, which ends all of its sessions, is written to again by itself', async (context) => {
  const verdict = await underLoad({ context, cluster, pool, untilServedByReplica: false }, async (load) => {
    const sessions = `SELECT pid AS n FROM pg_stat_activity WHERE usename = '${appUser}' LIMIT 1`;
    process.kill(await numberOn(cluster.primary, sessions), 'SIGKILL');
    await load.isWritten();
    await becomes(cluster.primary, 'up');
  });
  expectHonest(verdict);
  expectWritesInDoubtAlone(verdict);
});

test('a primary whose connections end one after the other costs nobody a read', async (context) => {
  const verdict = await underLoad({ context, cluster, pool, untilServedByReplica: false }, async (load) => {
    for (let time = 0; time < 10; time += 1) {
      await cluster.primary.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 ORDER BY random() LIMIT 1',
        [appUser],
      );
      await load.goesOn(20);
    }
    await load.isWritten();
  });
  expectHonest(verdict);
  expectWritesInDoubtAlone(verdict);
  expect(pool.status().primary).toBe('primary');
});

test('a write whose connections are lost as they are opened, one after the other, waits for one that is not', async () => {
  let losses = 0;
  const own = await openAppPool({
    name: 'unlucky',
    onConnect: async (client) => {
      losses += 1;
      if (losses <= 4) await client.query('SELECT pg_terminate_backend(pg_backend_pid())');
    },
  });
  await own.query('CREATE TABLE patient (x int)');
  expect(losses).toBeGreaterThan(4);
  expect(
    await numberOn(cluster.primary, "SELECT count(*) AS n FROM pg_tables WHERE tablename = 'patient'"),
  ).toBe(1);
  await own.end();
});

test('a primary that is set to read-only rejects writes in its own words, and stays the primary', async (context) => {
  const options = { context, cluster, pool, untilServedByReplica: false };
  const verdict = await underLoad(options, async (load) => {
    const changes = await heard('primary-changed', async () => {
      await setOnPrimary('ALTER SYSTEM SET default_transaction_read_only = on');
      try {
        await eventually('a write is rejected', () =>
          load.operations.some(({ failure }) => failure !== undefined),
        );
        expect(await failureOf(pool.query('CREATE TABLE rejected (x int)'))).toMatchObject({ code: '25006' });
        await load.goesOn();
      } finally {
        await setOnPrimary('ALTER SYSTEM RESET default_transaction_read_only');
      }
    });
    expect(changes).toEqual([]);
    expect(pool.status()).toMatchObject({ primary: 'primary', readOnly: false });
    await load.isWritten();
  });
  expectHonest(verdict);
  expect(new Set(verdict.failedWrites.map((failure) => failure.includes('25006')))).toEqual(new Set([true]));
});

test('a primary whose disk is full says so in its own words, and stays the primary', async (context) => {
  const { primary } = cluster;
  await primary.query('CREATE TABLE large (x int)');
  const insert = 'INSERT INTO large VALUES (1)';
  await fillDisk('large');
  const verdict = await underLoad({ context, cluster, pool }, async (load) => {
    const changes = await heard('primary-changed', async () => {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        expect(await failureOf(pool.query(insert))).toMatchObject({
          code: '53100',
          message: expect.stringContaining('No space left on device'),
        });
      }
      await load.goesOn();
    });
    expect(changes).toEqual([]);
    expect(pool.status()).toMatchObject({ primary: 'primary', readOnly: false });
  });
  expectUnnoticed(verdict);
  await primary.query('TRUNCATE large');
  await pool.query(insert);
  expect(await numberOn(primary, 'SELECT count(*) AS n FROM large')).toBe(1);
});

test('a write that is sent to a primary which then never answers is in doubt, and may have happened once', async (context) => {
  const verdict = await underLoad({ context, cluster, pool, untilServedByReplica: false }, async (load) => {
    await cluster.primary.cut('blackhole');
    await becomes(cluster.primary, 'down');
    // What the black hole has held back arrives late.
    await cluster.primary.heal();
    await load.isWritten();
  });
  expectHonest(verdict);
  expectWritesInDoubtAlone(verdict);
});

/** Writes fail only where nobody can know whether they happened: all others wait. */
function expectWritesInDoubtAlone({ failedWrites }: Verdict): void {
  expect(failedWrites.filter((failure) => !failure.includes('ERR_OUTCOME_UNKNOWN'))).toEqual([]);
}

/** Leaves no room for an empty table of the primary, until it is truncated: the device that is always full has its place. */
async function fillDisk(table: string): Promise<void> {
  const { primary } = cluster;
  const { rows } = await primary.query<{ path: string }>(`SELECT pg_relation_filepath('${table}') AS path`);
  // Nothing of the file is still to be written back.
  await primary.query('CHECKPOINT');
  await runOnServer(primary, `rm ${rows[0]?.path} && ln -s /dev/full ${rows[0]?.path}`);
}

async function setOnPrimary(sql: string): Promise<void> {
  await cluster.primary.query(sql);
  await cluster.primary.query('SELECT pg_reload_conf()');
}

async function kill(): Promise<() => unknown> {
  await cluster.primary.kill();
  return () => cluster.primary.restart();
}

async function freeze(): Promise<() => unknown> {
  await cluster.primary.freeze();
  return () => cluster.primary.thaw();
}

function cut(mode: CutMode): Fault['strike'] {
  return async () => {
    await cluster.primary.cut(mode);
    return () => cluster.primary.heal();
  };
}

async function shutDown(): Promise<() => unknown> {
  await cluster.primary.shutdown('fast');
  return () => cluster.primary.restart();
}
