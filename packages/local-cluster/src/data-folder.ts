import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chown, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Binaries } from './binaries.js';
import { LocalClusterError } from './errors.js';
import { sendSignal } from './processes.js';
import { type RunAs, serverEnvironment, spawnIdentity } from './run-as.js';
import { settingsText } from './settings.js';
import { removeSharedMemory } from './shared-memory.js';

const INITDB_ARGUMENTS = [
  ...['-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C'],
  ...['--no-sync', '--no-instructions'],
];

/**
 * Makes the data folder of a new primary, which must never have been started when it is copied.
 *
 * @throws LocalClusterError `ERR_CLUSTER_START` with what initdb said
 */
export async function initDataFolder(
  folder: string,
  { binDir }: Pick<Binaries, 'binDir'>,
  { runAs, signal }: { runAs: RunAs | undefined; signal: AbortSignal },
): Promise<void> {
  signal.throwIfAborted();
  const initdb = spawn(join(binDir, 'initdb'), ['-D', folder, ...INITDB_ARGUMENTS], {
    cwd: dirname(folder),
    detached: true, // a Ctrl-C in the terminal is not meant for it
    env: serverEnvironment(process.env),
    stdio: ['ignore', 'ignore', 'pipe'],
    ...spawnIdentity(runAs),
  });
  // It leads a process group of its own: the servers it runs end with it.
  const kill = (): void => {
    if (initdb.pid !== undefined) sendSignal(-initdb.pid, 'SIGKILL');
  };
  signal.addEventListener('abort', kill, { once: true });
  try {
    const [[status], complaint] = await Promise.all([once(initdb, 'close'), text(initdb.stderr)]);
    signal.throwIfAborted();
    if (status !== 0) throw new LocalClusterError('ERR_CLUSTER_START', `initdb failed:\n${complaint.trim()}`);
  } finally {
    signal.removeEventListener('abort', kill);
    removeSharedMemory(folder); // a server that initdb ran leaves some when it is killed
  }
}

/** Adds settings at the end of postgresql.conf, where they win over what initdb has written. */
export async function writeSettings(
  folder: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  await appendFile(join(folder, 'postgresql.conf'), `\n${settingsText(settings)}`);
}

/** Makes the next start of this data folder that of a standby. */
export async function markStandby(folder: string, owner: RunAs | undefined): Promise<void> {
  await writeOwned(join(folder, 'standby.signal'), '', owner);
}

/** Writes a file that the server may then change or remove. */
export async function writeOwned(path: string, content: string, owner: RunAs | undefined): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
  if (owner) await chown(path, owner.uid, owner.gid);
}
