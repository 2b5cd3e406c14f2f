import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Binaries, findBinaries } from '../src/binaries.js';
import { runnableBy } from '../src/binary-cache.js';
import { startCluster } from '../src/index.js';
import { unprivilegedUser } from '../src/run-as.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const runAs = unprivilegedUser();

describe.runIf(runAs)('programs in a folder that only root can enter', () => {
  let temporary: string;
  let hidden: Binaries;

  beforeAll(() => {
    temporary = mkdtempSync(join(tmpdir(), 'cache-test-'));
    chmodSync(temporary, 0o755);
    const found = findBinaries({ binDir: undefined, version: undefined });
    const folder = join(temporary, 'hidden');
    cpSync(dirname(found.binDir), folder, { recursive: true, verbatimSymlinks: true });
    chmodSync(folder, 0o700);
    hidden = { ...found, binDir: join(folder, 'bin') };
    vi.stubEnv('TMPDIR', temporary);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(temporary, { recursive: true });
  });

  const copies = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('node-replicated'));

  it('are copied once, however many need them at the same time', async () => {
    const found = await Promise.all([1, 2, 3].map(() => runnableBy(runAs, hidden)));
    expect(copies()).toHaveLength(1);
    expect(copies()[0]).toMatch(new RegExp(`^node-replicated-postgres-${hidden.version}-[0-9a-f]{8}$`));
    for (const { binDir } of found) expect(binDir).toBe(join(temporary, copies()[0] ?? '', 'bin'));
  });

  it('run a cluster from the copy, which is kept', async () => {
    const cluster = await startCluster({ replicas: 1, binDir: hidden.binDir });
    await cluster.stop();
    expect(copies()).toHaveLength(1);
  });

  it('are not run from a copy that others can change', async () => {
    chmodSync(join(temporary, copies()[0] ?? ''), 0o777);
    await expect(runnableBy(runAs, hidden)).rejects.toMatchObject({ code: 'ERR_NO_POSTGRES' });
  });
});
