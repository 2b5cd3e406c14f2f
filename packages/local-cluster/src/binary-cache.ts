import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { chmod, cp, mkdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Binaries } from './binaries.js';
import { LocalClusterError } from './errors.js';
import { type RunAs, spawnIdentity } from './run-as.js';

/**
 * Returns programs that the given user can run: the found ones, or a copy of them.
 *
 * A project below /root cannot be read by `nobody`. The copy lies in the temp folder, is named after
 * the version and the place it was taken from, and is kept for the next time.
 */
export async function runnableBy(runAs: RunAs | undefined, binaries: Binaries): Promise<Binaries> {
  if (!runAs || canRun(runAs, binaries.binDir)) return binaries;
  const folder = cacheFolder(binaries);
  if (!existsSync(folder)) await copyOnce(dirname(realpathSync(binaries.binDir)), folder);
  const binDir = join(folder, 'bin');
  if (isOurs(folder) && canRun(runAs, binDir)) return { ...binaries, binDir };
  const message = `Neither ${binaries.binDir} nor its copy ${folder} can be used by the user ${runAs.uid}.`;
  throw new LocalClusterError('ERR_NO_POSTGRES', message);
}

function canRun(runAs: RunAs, binDir: string): boolean {
  const options = { cwd: '/', stdio: 'ignore', ...spawnIdentity(runAs) } as const;
  return spawnSync(join(binDir, 'postgres'), ['--version'], options).status === 0;
}

function cacheFolder({ binDir, version }: Binaries): string {
  const origin = createHash('sha256').update(realpathSync(binDir)).digest('hex').slice(0, 8);
  return join(tmpdir(), `node-replicated-postgres-${version}-${origin}`);
}

/** Copies beside the goal and moves into place: whoever comes second finds a whole folder. */
async function copyOnce(prefix: string, goal: string): Promise<void> {
  const draft = `${goal}.${randomBytes(6).toString('hex')}`;
  await mkdir(draft, { mode: 0o755 });
  try {
    await chmod(draft, 0o755); // the mode above was narrowed by the umask
    for (const part of ['bin', 'lib', 'share']) {
      const from = join(prefix, part);
      if (existsSync(from)) await cp(from, join(draft, part), { recursive: true, verbatimSymlinks: true });
    }
    await rename(draft, goal);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!existsSync(goal)) throw error;
  }
}

/** The temp folder is everybody's: a copy that another user could have put there is not run. */
function isOurs(folder: string): boolean {
  const { uid, mode } = lstatSync(folder);
  return uid === process.getuid?.() && (mode & 0o022) === 0;
}
