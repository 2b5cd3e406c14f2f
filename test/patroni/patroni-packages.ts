import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isProgram, onPath } from '../on-path.js';

/** The programs of an HA cluster. */
export interface PatroniPrograms {
  readonly etcd: string;
  readonly patroni: string;
  /** The folder of PostgreSQL's programs, those included that Patroni runs. */
  readonly postgres: string;
}

/** What Patroni runs of PostgreSQL, besides the server itself. */
const needed = ['postgres', 'initdb', 'pg_ctl', 'pg_basebackup', 'pg_rewind', 'pg_controldata', 'pg_isready'];

/**
 * Finds the programs.
 *
 * @returns the programs, or in words what is missing and how to get it
 */
export function findPatroni(): PatroniPrograms | string {
  const etcd = onPath('etcd');
  const patroni = onPath('patroni');
  const postgres = postgresFolders().find((folder) => needed.every((name) => isProgram(join(folder, name))));
  if (etcd && patroni && postgres) return { etcd, patroni, postgres };
  const missing = [
    ...(etcd ? [] : ['etcd-server']),
    ...(patroni ? [] : ['patroni']),
    ...(postgres ? [] : ['postgresql']),
  ];
  return `${missing.join(', ')} not installed: apt-get install ${missing.join(' ')} (Debian, Ubuntu), or .ci/install-programs`;
}

/** The folder that was asked for, or those of Debian's packages, newest first. */
function postgresFolders(): readonly string[] {
  if (process.env.PG_BIN) return [process.env.PG_BIN];
  const packages = '/usr/lib/postgresql';
  try {
    return readdirSync(packages)
      .toSorted((a, b) => Number(b) - Number(a))
      .map((version) => join(packages, version, 'bin'));
  } catch {
    return [];
  }
}
