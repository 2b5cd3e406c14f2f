import type { ResolvedOptions } from './cluster-options.js';

/**
 * Settings of all nodes. Durability against a power cut is given up for speed; durability
 * against `kill -9` is not: full_page_writes stays on, since a write of 8 kB can be cut in half.
 */
const TEST_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'off',
  wal_level: 'replica',
  hot_standby: 'on',
  max_connections: '200',
  max_wal_senders: '20',
  max_replication_slots: '20',
  wal_keep_size: '256MB',
  wal_receiver_status_interval: '1s',
  wal_retrieve_retry_interval: '100ms',
  shared_buffers: '16MB',
  // In the data folder, so that a killed server leaves nothing in /dev/shm.
  dynamic_shared_memory_type: 'mmap',
  logging_collector: 'off',
  log_line_prefix: '%m [%p] ',
};

/** The settings of a cluster; those given in the options win. */
export function clusterSettings(
  options: Pick<ResolvedOptions, 'sync' | 'quorum' | 'settings'>,
  nodeNames: readonly string[],
  majorVersion: number,
): Readonly<Record<string, string>> {
  return {
    ...TEST_SETTINGS,
    // Three I/O workers per node would be most of the processes of a small cluster.
    ...(majorVersion >= 18 ? { io_method: 'sync' } : {}),
    // All nodes carry the same list, so a promoted replica goes on being synchronous.
    ...(options.sync > 0 ? { synchronous_standby_names: `FIRST ${options.sync} ${listOf(nodeNames)}` } : {}),
    ...(options.quorum > 0
      ? { synchronous_standby_names: `ANY ${options.quorum} ${listOf(nodeNames)}` }
      : {}),
    ...options.settings,
  };
}

/** The text of a postgresql.conf. */
export function settingsText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\n`)
    .join('');
}

/** How a standby reaches its upstream. The name is what synchronous_standby_names looks for. */
export function primaryConninfo(upstreamPort: number, standbyName: string): string {
  return [
    'host=127.0.0.1',
    `port=${upstreamPort}`,
    'user=postgres',
    `application_name=${standbyName}`,
    'sslmode=disable',
    'gssencmode=disable',
  ].join(' ');
}

function listOf(names: readonly string[]): string {
  return `(${names.map((name) => `"${name}"`).join(', ')})`;
}
