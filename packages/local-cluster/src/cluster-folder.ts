import { randomBytes } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { chown, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { RunAs } from './run-as.js';

const NAME = /^node-replicated-[0-9a-f]{12}$/;

/** A new path for the folder that holds everything a cluster owns. It does not exist yet. */
export function newClusterFolder(): string {
  return join(realpathSync(tmpdir()), `node-replicated-${randomBytes(6).toString('hex')}`);
}

/** Guards whoever is about to remove a folder with all that is in it. */
export function isClusterFolder(path: string): boolean {
  return NAME.test(basename(path));
}

export async function makeClusterFolder(path: string, owner: RunAs | undefined): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  if (owner) await chown(path, owner.uid, owner.gid);
}
