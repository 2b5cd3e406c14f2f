import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const REMOVE_SEGMENT = 'ipcrm';

/**
 * Removes the System V segment that a killed server of this data folder has left in the kernel.
 *
 * PostgreSQL holds a few bytes of it as an interlock, and gives it back at an orderly stop or at the
 * next start in the same folder; a folder that is thrown away needs this. Best effort: a system
 * without `ipcrm` keeps the 56 bytes.
 */
export function removeSharedMemory(dataFolder: string): void {
  const id = sharedMemoryId(readIfPresent(join(dataFolder, 'postmaster.pid')));
  if (id !== undefined) spawnSync(REMOVE_SEGMENT, ['-m', id], { stdio: 'ignore' });
}

/** The segment's id in the text of a postmaster.pid: the seventh line is `key id`. */
export function sharedMemoryId(pidFile: string): string | undefined {
  return /^\s*\d+\s+(\d+)\s*$/.exec(pidFile.split('\n')[6] ?? '')?.[1];
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
