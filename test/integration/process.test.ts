import { spawn } from 'node:child_process';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('a process', () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 });
  });
  afterAll(() => cluster?.stop());

  const start = 'const pool = new ReplicatedPool({ primary: process.argv[1], replicas: [process.argv[2]] });';
  const get = "runWithReplication({ role: 'replica' }, () => pool.query('SELECT 1'))";

  it.each([
    ['ends by itself after end()', `${start} await pool.query('SELECT 1'); await ${get}; await pool.end();`],
    [
      'ends by itself after end() with a lease that was moved',
      `${start} await runWithReplication({ role: 'replica' }, async () => {
         const client = await pool.connect();
         await client.query('SELECT 1'); await client.query('BEGIN'); await client.query('COMMIT');
         client.release(); });
       await pool.end();`,
    ],
    ['ends by itself when its pool was never used', start],
    [
      'ends by itself when its pool was never used and its servers are not there',
      "const pool = new ReplicatedPool({ primary: 'postgresql://127.0.0.1:1/x', replicas: ['postgresql://127.0.0.1:2/x'] });",
    ],
    [
      'ends by itself when its pool was never used and waits for a look that never ends',
      'const pool = new ReplicatedPool({ discover: () => new Promise(() => undefined) });',
    ],
    [
      'ends by itself when its pool was never used and its nodes are nowhere to be found',
      "const pool = new ReplicatedPool({ discover: fromPatroni('http://127.0.0.1:1') });",
    ],
    [
      'ends by itself after end() in the middle of a look',
      `const pool = new ReplicatedPool({ discoverIntervalMs: 10, discover: async () => [process.argv[1], process.argv[2]] });
       await pool.query('SELECT 1'); await ${get}; await pool.end();`,
    ],
    [
      'ends by itself with allowExitOnIdle, without end()',
      `const pool = new ReplicatedPool({ allowExitOnIdle: true, primary: process.argv[1], replicas: [process.argv[2]] });
       await pool.query('SELECT 1'); await ${get};`,
    ],
    [
      'survives the loss of idle connections, with nobody listening',
      `${start} await pool.query('SELECT 1'); await ${get};
       await pool.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
       await pool.query('SELECT 1'); await ${get}; await pool.end();`,
    ],
    [
      'survives a value that pg cannot send',
      `${start} const loop = {}; loop.loop = loop;
       await pool.query('SELECT $1', [loop]).catch(() => undefined);
       await runWithReplication({ role: 'replica' }, () => pool.query('SELECT $1', [loop])).catch(() => undefined);
       await new Promise((resolve) => setTimeout(resolve, 100));
       await pool.end();`,
    ],
  ])('%s', async (_, code) => {
    const { status, output } = await run(code);
    expect(output).toBe('');
    expect(status).toBe(0);
  });

  it.each(['refuse', 'blackhole'] as const)(
    'ends by itself after end() with a replica that cannot be reached (%s)',
    async (mode) => {
      const [replica] = cluster.replicas;
      await replica?.cut(mode);
      try {
        const code = `${start} await pool.query('SELECT 1'); await ${get}; await pool.end();`;
        expect(await run(code)).toEqual({ status: 0, output: '' });
      } finally {
        await replica?.heal();
      }
    },
  );

  function run(code: string): Promise<{ status: number | null; output: string }> {
    const imports =
      "import { fromPatroni, ReplicatedPool } from '@node-replicated/pg'; import { runWithReplication } from '@node-replicated/core';";
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', `${imports}\n${code}`, '--', cluster.url, cluster.replicaUrls[0] ?? ''],
      { cwd: new URL('..', import.meta.url), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), 12_000);
    return new Promise((resolve) => {
      child.on('close', (status) => {
        clearTimeout(timer);
        resolve({ status, output });
      });
    });
  }
});
