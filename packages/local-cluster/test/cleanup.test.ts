import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { type LocalCluster, type LocalNode, startCluster } from '../src/index.js';
import { listProcesses } from '../src/processes.js';
import { Child, childProgram } from './child.js';
import { connectTo, eventually, folderOf, remainsOf } from './observe.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** A temp folder of its own, so that clusters of other tests are not seen in it. */
const temporary = mkdtempSync(join(tmpdir(), 'cleanup-test-'));
chmodSync(temporary, 0o755);
vi.stubEnv('TMPDIR', temporary);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(temporary, { recursive: true });
});

/** All that clusters of this file have left: files, and processes that name them. */
function traces(): string[] {
  const commands = listProcesses().map(({ command }) => command);
  return [...readdirSync(temporary), ...commands.filter((command) => command.includes(temporary))];
}

describe('stop()', () => {
  it('leaves no process and no file, and can be called twice', async () => {
    const cluster = await startCluster();
    const folder = await folderOf(cluster);
    expect(remainsOf(folder).length).toBeGreaterThan(10);
    const first = cluster.stop();
    expect(cluster.stop()).toBe(first);
    await first;
    await cluster.stop();
    expect(remainsOf(folder)).toEqual([]);
  });

  it.each<[string, (cluster: LocalCluster, replica: LocalNode) => Promise<unknown>]>([
    ['frozen', (cluster) => Promise.all(cluster.nodes.map((node) => node.freeze()))],
    ['killed', (_, replica) => replica.kill()],
    ['shut down', (cluster) => cluster.primary.shutdown()],
    ['cut', (cluster) => Promise.all(cluster.nodes.map((node) => node.cut('blackhole')))],
    ['paused', (_, replica) => replica.pauseReplay()],
  ])('works on nodes that are %s', async (_, harm) => {
    const cluster = await startCluster({ replicas: 1 });
    const folder = await folderOf(cluster);
    const clients = await Promise.all(cluster.nodes.map(({ url }) => connectTo(url)));
    await harm(cluster, cluster.replicas[0] as LocalNode);
    await cluster.stop();
    expect(remainsOf(folder)).toEqual([]);
    await Promise.all(clients.map((client) => client.end()));
  });

  it('ends what is still going on, and refuses what comes after', async () => {
    const cluster = await startCluster({ replicas: 1 });
    const folder = await folderOf(cluster);
    const [replica] = cluster.replicas as [LocalNode];
    await replica.setLag(600_000);
    await cluster.primary.query('CREATE TABLE seen (n int)');
    const going = [
      cluster.waitForCatchUp(),
      cluster.primary.query('SELECT pg_sleep(600)'),
      replica.restart(),
    ];
    const outcomes = Promise.allSettled(going);
    await cluster.stop();
    for (const outcome of await outcomes) expect(outcome.status).toBe('rejected');
    expect(remainsOf(folder)).toEqual([]);
    await expect(replica.restart()).rejects.toMatchObject({ code: 'ERR_CLUSTER_STATE' });
    await expect(cluster.waitForCatchUp()).rejects.toMatchObject({ code: 'ERR_CLUSTER_STATE' });
    await replica.heal();
    expect(remainsOf(folder)).toEqual([]);
  });

  it('ends a rebuild that is under way', async () => {
    const cluster = await startCluster({ replicas: 1 });
    const folder = await folderOf(cluster);
    const [replica] = cluster.replicas as [LocalNode];
    await replica.promote();
    await cluster.primary.query('CREATE TABLE lost (n int)');
    await replica.query('CREATE TABLE seen (n int)');
    const following = cluster.primary.follow(replica);
    following.catch(() => undefined);
    await eventually('a copy is being made', async () => {
      const { rows } = await replica.query(
        `SELECT FROM pg_stat_activity WHERE query LIKE '%pg_backup_start%' AND pid <> pg_backend_pid()`,
      );
      return rows.length > 0;
    });
    await cluster.stop();
    await expect(following).rejects.toMatchObject({ code: 'ERR_CLUSTER_STATE' });
    expect(remainsOf(folder)).toEqual([]);
  });
});

describe('a cluster that does not start', () => {
  it('says what the server said, and leaves nothing', async () => {
    await expect(startCluster({ settings: { shared_buffers: 'plenty' } })).rejects.toMatchObject({
      code: 'ERR_CLUSTER_START',
      message: expect.stringContaining('invalid value for parameter "shared_buffers": "plenty"'),
    });
    expect(traces()).toEqual([]);
  });

  it.each([0, 60, 250, 500, 700])('because it was aborted after %i ms leaves nothing', async (ms) => {
    const signal = AbortSignal.timeout(ms);
    // On a fast machine it may be up already.
    const outcome = await startCluster({ signal }).catch((error: unknown) => error);
    if (outcome instanceof Error) expect(outcome).toBe(signal.reason);
    else await (outcome as LocalCluster).stop();
    expect(traces()).toEqual([]);
  });

  it('because it was aborted beforehand has done nothing', async () => {
    await expect(startCluster({ signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
  });
});

describe('a process that has not stopped its cluster', () => {
  const forever = 'await new Promise(() => undefined);';

  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('leaves nothing when it ends by %s', async (signal) => {
    const child = new Child(childProgram(`await cluster.replicas[0].freeze(); ${forever}`));
    const folder = await child.says('ready ');
    child.process.kill(signal);
    expect(await child.ended()).toBe(signal);
    await eventually('nothing is left', () => remainsOf(folder).length === 0);
  });

  it('leaves nothing when it is killed while it starts', async () => {
    const child = new Child(childProgram(forever));
    await eventually('initdb runs', () => {
      const all = listProcesses();
      return all.some(({ parent, command }) => parent === child.process.pid && /initdb/.test(command));
    });
    child.process.kill('SIGKILL');
    await child.ended();
    await eventually('nothing is left', () => traces().length === 0);
  });

  it.each([
    ['process.exit()', 'process.exit(7)', 7],
    ['an uncaught exception', `setImmediate(() => { throw new Error("oops"); }); ${forever}`, 1],
  ])('leaves nothing when it ends by %s', async (_, then, code) => {
    const child = new Child(childProgram(then));
    const folder = await child.says('ready ');
    expect(await child.ended()).toBe(code);
    // No waiting here: it was done before the process ended.
    expect(remainsOf(folder).filter((one) => !one.includes('watchdog'))).toEqual([]);
    await eventually('the watchdog is gone', () => remainsOf(folder).length === 0);
  });

  it('leaves its own signal handlers alone: they can still use the database', async () => {
    const child = new Child(
      childProgram(`
        process.on('SIGTERM', async () => {
          const { rows } = await cluster.primary.query('SELECT 1 AS one');
          console.log('goodbye ' + rows[0].one);
          process.exit(3);
        });
        console.log('listening');
        ${forever}`),
    );
    const folder = await child.says('ready ');
    await child.says('listening');
    child.process.kill('SIGTERM');
    expect(await child.says('goodbye ')).toBe('1');
    expect(await child.ended()).toBe(3);
    await eventually('nothing is left', () => remainsOf(folder).length === 0);
  });

  it('ends by itself once it has stopped its cluster', async () => {
    const child = new Child(childProgram('await cluster.stop();'));
    const folder = await child.says('ready ');
    expect(await child.ended()).toBe(0);
    expect(remainsOf(folder)).toEqual([]);
  });
});
