import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { LocalClusterError } from './errors.js';
import { removeRemains } from './remains.js';

/** Sees to it that a cluster folder and its servers do not outlive this process. */
export interface CleanupGuard {
  /** Ends the guard, once the folder has been removed. */
  release(): Promise<void>;
}

const guarded = new Set<string>();

/**
 * Guards a folder from before it exists.
 *
 * `process.exit()`, the end of the program and an uncaught exception are covered by an `exit`
 * listener; every other end, signals included, by the watchdog. No signal is listened to on purpose:
 * a listener would change how this process dies, and libraries that do the same would each wait for
 * the other to end it.
 */
export function guardFolder(folder: string): CleanupGuard {
  const watchdog = startWatchdog(folder);
  if (guarded.size === 0) process.on('exit', removeAll);
  guarded.add(folder);
  return {
    async release(): Promise<void> {
      guarded.delete(folder);
      if (guarded.size === 0) process.off('exit', removeAll);
      await endWatchdog(watchdog);
    },
  };
}

function removeAll(): void {
  for (const folder of guarded) removeRemains(folder);
}

function startWatchdog(folder: string): ChildProcess {
  // The compiled file, also when this module is run from its TypeScript source.
  const program = fileURLToPath(new URL('../dist/watchdog.js', import.meta.url));
  if (!existsSync(program)) {
    throw new LocalClusterError('ERR_CLUSTER_START', `${program} is missing: build the package first.`);
  }
  const watchdog = spawn(process.execPath, [program, folder], {
    cwd: '/',
    detached: true,
    env: { PATH: process.env.PATH },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.on('error', () => undefined);
  watchdog.stdin?.on('error', () => undefined);
  watchdog.unref();
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
  return watchdog;
}

async function endWatchdog(watchdog: ChildProcess): Promise<void> {
  if (watchdog.pid === undefined || watchdog.exitCode !== null || watchdog.signalCode !== null) return;
  watchdog.ref();
  const ended = once(watchdog, 'exit');
  watchdog.stdin?.destroy();
  await ended;
}
