import { constants } from 'node:fs';
import { chown, copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunAs } from './run-as.js';

export interface CopyOptions {
  readonly owner: RunAs | undefined;
  readonly signal: AbortSignal;
  /** Is given a path relative to the top, for example `pg_wal/0001`. Nothing is left out by default. */
  readonly leaveOut?: (path: string) => boolean;
}

/** Copies a data folder. Files that vanish meanwhile are passed over: a live server removes some. */
export async function copyTree(from: string, to: string, options: CopyOptions, inside = ''): Promise<void> {
  options.signal.throwIfAborted();
  await mkdir(to, { mode: 0o700 });
  await own(to, options.owner);
  const entries = await readdir(from, { withFileTypes: true });
  await Promise.all(
    entries.map(async (entry) => {
      const path = join(inside, entry.name);
      if (options.leaveOut?.(path)) return;
      const [source, goal] = [join(from, entry.name), join(to, entry.name)];
      try {
        if (entry.isDirectory()) await copyTree(source, goal, options, path);
        else await copyOwned(source, goal, options.owner);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }),
  );
}

async function copyOwned(from: string, to: string, owner: RunAs | undefined): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await own(to, owner);
}

async function own(path: string, owner: RunAs | undefined): Promise<void> {
  if (owner) await chown(path, owner.uid, owner.gid);
}
