import { spawn } from 'node:child_process';
import { expect } from 'vitest';
import { cluster, type Declare, type Implementation } from './implementation.js';

/** When a process that has a pool ends by itself. */
export function processContract(it: Declare, implementation: Implementation): void {
  const cases: readonly [string, string, string][] = [
    ['after end()', '', "await pool.query('SELECT 1'); await pool.end(); console.log('over');"],
    [
      'with a pool whose idle connections have been removed',
      'idleTimeoutMillis: 50',
      "await pool.query('SELECT 1'); console.log('over');",
    ],
    [
      'with allowExitOnIdle, as soon as nothing is left to do',
      'idleTimeoutMillis: 0, maxLifetimeSeconds: 600, allowExitOnIdle: true',
      `await pool.query('SELECT 1');
       const client = await pool.connect(); await client.query('SELECT 1'); client.release();
       setTimeout(() => pool.query('SELECT 1').then(() => console.log('over')), 20);`,
    ],
  ];
  for (const [name, options, code] of cases) {
    it(`ends by itself ${name}`, async () => {
      const { status, output } = await run(implementation, options, code);
      expect(output).toBe('over\n');
      expect(status).toBe(0);
    });
  }

  it('does not end by itself while a connection is idle', async () => {
    const code = "await pool.query('SELECT 1'); setTimeout(() => process.exit(7), 300).unref();";
    expect((await run(implementation, 'idleTimeoutMillis: 0', code)).status).toBe(7);
  });
}

function run(
  { module, Pool }: Implementation,
  options: string,
  code: string,
): Promise<{ status: number | null; output: string }> {
  const name = Pool.name === 'BoundPool' ? 'Pool' : Pool.name;
  const script = `import * as module from '${module}'; const { ${name} } = module.default ?? module;
    const pool = new ${name}({ connectionString: process.argv[1], ${options} });\n${code}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, '--', cluster.url], {
    cwd: new URL('..', import.meta.url),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  return new Promise((resolve) => {
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status, output });
    });
  });
}
