import { join } from 'node:path';
import type { AdminSession } from './admin-session.js';
import { type CopyOptions, copyTree } from './copy-tree.js';
import { writeOwned } from './data-folder.js';

/** What a running server must not share, or what the new standby makes or receives by itself. */
const LEFT_OUT: readonly RegExp[] = [
  /^postmaster\.(pid|opts)$/,
  /^(standby|recovery)\.signal$/,
  /^postgresql\.auto\.conf$/,
  /^(backup_label|tablespace_map)(\.old)?$/,
  /^pg_(wal|replslot|dynshmem|notify|serial|snapshots|stat_tmp|subtrans)\/./,
  /(^|\/)pgsql_tmp/,
  /(^|\/)pg_internal\.init/,
];

/**
 * Copies a running server's data folder, with the low-level backup functions of PostgreSQL ("Making a
 * Base Backup Using the Low Level API"). The WAL is not copied: the new standby streams it, and the
 * nodes keep enough of it (wal_keep_size).
 */
export async function baseBackup(
  session: AdminSession,
  from: string,
  to: string,
  options: Pick<CopyOptions, 'owner' | 'signal'>,
): Promise<void> {
  await session.query(`SELECT pg_backup_start('local-cluster', fast => true)`);
  await copyTree(from, to, { ...options, leaveOut });
  const { rows } = await session.query<{ labelfile: string }>(
    'SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)',
  );
  await writeOwned(join(to, 'backup_label'), rows[0]?.labelfile ?? '', options.owner);
}

/** Whether a path, relative to the data folder, has no place in a backup. */
export function leaveOut(path: string): boolean {
  return LEFT_OUT.some((pattern) => pattern.test(path));
}
