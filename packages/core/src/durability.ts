import { ReplicationError } from './errors.js';

/**
 * What a commit waits for, in the words of PostgreSQL's `synchronous_commit`:
 * - `remote_apply`: synchronous replicas have applied it, so that reads there show it;
 * - `on`: it is on the disks of the primary and of synchronous replicas;
 * - `remote_write`: it is on the primary's disk, and synchronous replicas have it in memory;
 * - `local`: it is on the primary's disk;
 * - `off`: nothing; a crash may lose the last moments.
 */
export type Durability = 'remote_apply' | 'on' | 'remote_write' | 'local' | 'off';

const durabilities: ReadonlySet<unknown> = new Set<Durability>([
  'remote_apply',
  'on',
  'remote_write',
  'local',
  'off',
]);

/**
 * Checks what a user wrote.
 *
 * @param by what messages call the thing that was given it
 * @throws ERR_OPTION for a word that does not exist
 */
export function requireDurability(given: unknown, by: string): Durability | undefined {
  if (given === undefined || isDurability(given)) return given;
  throw new ReplicationError(
    'ERR_OPTION',
    `${by}: durability must be 'remote_apply', 'on', 'remote_write', 'local' or 'off'.`,
  );
}

function isDurability(given: unknown): given is Durability {
  return durabilities.has(given);
}
