import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CutMode, LocalNode } from '@node-replicated/local-cluster';
import { expect, test, vi } from 'vitest';
import { duringGet, eventually, numberOn, where } from '../integration/stage.js';
import { addAccessRules, appUser } from './access.js';
import { becomes, cluster, first, openAppPool, pool, stageFaults, statusOf } from './faults-stage.js';
import { expectUnnoticed, underLoad } from './load.js';

/** What happens to a replica, and how the pool then sees it. */
interface Fault {
  /** Makes it happen, and gives what undoes it. */
  readonly strike: (node: LocalNode) => Promise<() => unknown>;
  readonly state: 'down' | 'lagging';
  readonly failure: string | null;
}

vi.setConfig({ testTimeout: 90_000 });

stageFaults({}, { maxLagMs: 1_500 });

const faults: Readonly<Record<string, Fault>> = {
  'is killed': { strike: kill, state: 'down', failure: 'unreachable' },
  'is frozen': { strike: freeze, state: 'down', failure: 'no-answer' },
  'refuses connections': { strike: cut('refuse'), state: 'down', failure: 'unreachable' },
  'resets connections': { strike: cut('reset'), state: 'down', failure: 'no-answer' },
  'is behind a black hole': { strike: cut('blackhole'), state: 'down', failure: 'no-answer' },
  'is shut down, which ends its sessions': { strike: shutDown, state: 'down', failure: 'unreachable' },
  'takes its time to start up': { strike: startSlowly, state: 'down', failure: 'not-ready' },
  'ends its sessions and lets no new ones in': { strike: shutOut, state: 'down', failure: 'rejected' },
  'does not replay any more': { strike: pauseReplay, state: 'lagging', failure: null },
  'lags more than is allowed': { strike: lag, state: 'lagging', failure: null },
  'receives nothing any more': { strike: endStreaming, state: 'lagging', failure: null },
};

test.for(Object.entries(faults))(
  'a replica that %s is read from no more, and again afterwards, and nobody notices',
  async ([, { strike, state, failure }], context) => {
    const verdict = await underLoad({ context, cluster, pool }, async (load) => {
      await load.isServedBy(first);
      const undo = await strike(first);
      try {
        await eventually(`it is ${state}: ${failure}`, () => {
          const seen = statusOf(first.name);
          return seen.state === state && seen.failure === failure;
        });
        await load.goesOn();
      } finally {
        await undo();
      }
      await becomes(first, 'up');
      await load.isServedBy(first);
    });
    expectUnnoticed(verdict);
  },
);

test('a replica one of whose processes crashes, which ends all of its sessions, costs nobody a read or a write', async (context) => {
  const verdict = await underLoad({ context, cluster, pool }, async (load) => {
    await load.isServedBy(first);
    const started = await numberOn(first, 'SELECT extract(epoch FROM pg_postmaster_start_time()) AS n');
    const sessions =
      "SELECT pid AS n FROM pg_stat_activity WHERE usename = 'app' AND state IS NOT NULL LIMIT 1";
    process.kill(await numberOn(first, sessions), 'SIGKILL');
    await load.goesOn();
    await becomes(first, 'up');
    await load.isServedBy(first);
    // It was the same server all the time.
    expect(await numberOn(first, 'SELECT extract(epoch FROM pg_postmaster_start_time()) AS n')).toBe(started);
  });
  expectUnnoticed(verdict);
});

test('a replica that is shut down smartly can stop: nothing new is asked of it, and what it was asked is answered', async () => {
  await pool.end();
  const own = await openAppPool();
  await eventually(
    'it has served',
    async () => (await duringGet(() => where(own))).port === first.serverPort,
  );
  const reads = `SELECT inet_server_port() AS port, pg_sleep(2)`;
  const slow = Array.from({ length: 4 }, () => duringGet(() => own.query(reads)));
  await eventually('it is busy', async () => (await numberOn(first, sleepers)) > 0);
  const stopped = first.shutdown('smart');
  let over = false;
  const asking = (async () => {
    while (!over) await Promise.all(Array.from({ length: 8 }, () => duringGet(() => where(own))));
  })();
  const ports = (await Promise.all(slow)).map(({ rows }) => rows[0]?.port);
  expect(ports).toContain(first.serverPort);
  await stopped.finally(() => {
    over = true;
  });
  await asking;
  await first.restart();
  await own.end();
});

test('both replicas that are lost one after the other are replaced by the primary, and nobody notices', async (context) => {
  const verdict = await underLoad({ context, cluster, pool }, async (load) => {
    for (const replica of cluster.replicas) await replica.kill();
    await load.isServedBy(cluster.primary);
    for (const replica of cluster.replicas) await becomes(replica, 'down');
    await load.goesOn();
    for (const replica of cluster.replicas) await replica.restart();
    for (const replica of cluster.replicas) await load.isServedBy(replica);
  });
  expectUnnoticed(verdict);
});

test('a read whose connections are lost as they are opened, one after the other, waits for one that is not', async () => {
  let losses = 0;
  const own = await openAppPool({
    name: 'unlucky',
    onConnect: async (client) => {
      losses += 1;
      if (losses <= 6) await client.query('SELECT pg_terminate_backend(pg_backend_pid())');
    },
  });
  expect((await duringGet(() => own.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
  expect(losses).toBeGreaterThan(6);
  await own.end();
});

const sleepers = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'";

async function kill(node: LocalNode): Promise<() => unknown> {
  await node.kill();
  return () => node.restart();
}

async function freeze(node: LocalNode): Promise<() => unknown> {
  await node.freeze();
  return () => node.thaw();
}

function cut(mode: CutMode): Fault['strike'] {
  return async (node) => {
    await node.cut(mode);
    return () => node.heal();
  };
}

async function shutDown(node: LocalNode): Promise<() => unknown> {
  await node.shutdown('fast');
  return () => node.restart();
}

/** It asks an archive for its history first, and does not get an answer. */
async function startSlowly(node: LocalNode): Promise<() => unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'faults-'));
  await chmod(folder, 0o755);
  const hold = join(folder, 'hold');
  await writeFile(hold, '');
  const { pid } = node;
  await node.query(`ALTER SYSTEM SET restore_command = 'while [ -e "${hold}" ]; do sleep 0.05; done; false'`);
  const restarting = node.restart();
  await eventually('it has begun to start', () => node.pid !== undefined && node.pid !== pid);
  await node.heal();
  return async () => {
    await rm(folder, { recursive: true });
    await restarting;
    await node.query('ALTER SYSTEM RESET restore_command');
    await node.query('SELECT pg_reload_conf()');
  };
}

async function shutOut(node: LocalNode): Promise<() => unknown> {
  const admit = await addAccessRules(node, `host all ${appUser} 127.0.0.1/32 reject`);
  await node.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [appUser]);
  return admit;
}

async function pauseReplay(node: LocalNode): Promise<() => unknown> {
  await node.pauseReplay();
  return () => node.resumeReplay();
}

async function lag(node: LocalNode): Promise<() => unknown> {
  await node.setLag(60_000);
  return () => node.setLag(0);
}

/** The primary sends it away, and does not let it in again. */
async function endStreaming(node: LocalNode): Promise<() => unknown> {
  const admit = await addAccessRules(cluster.primary, 'host replication all 127.0.0.1/32 reject');
  await eventually('it is seen not to stream', async () => {
    const sql = 'SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = $1';
    await cluster.primary.query(sql, [node.name]);
    return statusOf(node.name).streaming === false;
  });
  return admit;
}
