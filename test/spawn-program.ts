import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { serverEnvironment, spawnIdentity, unprivilegedUser } from '@node-replicated/local-cluster/programs';

/**
 * Starts a server program in its folder, as an unprivileged user.
 *
 * @param name what its log is called: `NAME.log` in the folder
 */
export function spawnProgram(
  folder: string,
  name: string,
  program: string,
  args: readonly string[],
): ChildProcess {
  const log = openSync(join(folder, `${name}.log`), 'a');
  const child = spawn(program, args, {
    cwd: folder,
    detached: true, // a Ctrl-C in the terminal is not meant for it
    env: serverEnvironment(process.env),
    stdio: ['ignore', log, log],
    ...spawnIdentity(unprivilegedUser()),
  });
  closeSync(log);
  child.on('error', () => undefined);
  child.unref();
  return child;
}
