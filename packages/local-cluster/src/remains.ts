import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isClusterFolder } from './cluster-folder.js';
import { listProcesses, sendSignal, serverProcesses } from './processes.js';
import { removeSharedMemory } from './shared-memory.js';

const GIVE_UP_AFTER_MS = 5_000;
const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Kills every server of a cluster folder and removes the folder. Synchronous and without memory:
 * it needs no list of process ids, so it works in an exit handler and in the watchdog alike, and a
 * second call finds nothing to do.
 */
export function removeRemains(folder: string): void {
  if (!isClusterFolder(folder)) return;
  killServers(folder);
  for (const name of subfolders(folder)) removeSharedMemory(join(folder, name));
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** SIGKILL until none is left: a server may have started another one while it was being killed. */
function killServers(folder: string): void {
  const deadline = Date.now() + GIVE_UP_AFTER_MS;
  while (Date.now() < deadline) {
    const alive = serverProcesses(basename(folder), listProcesses());
    if (alive.length === 0) return;
    for (const { pid } of alive) sendSignal(pid, 'SIGKILL');
    Atomics.wait(pause, 0, 0, 5);
  }
}

function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
