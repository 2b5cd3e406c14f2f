import { join } from 'node:path';

/** Where one member of the cluster lives. */
export interface MemberPlace {
  readonly name: string;
  /** Of the whole cluster; its random name tells the cluster's processes from all others. */
  readonly folder: string;
  readonly scope: string;
  readonly binFolder: string;
  readonly etcdPort: number;
  readonly restPort: number;
  readonly port: number;
}

/** After so many seconds without a sign of life a leader is taken for dead. Patroni's own default is 30. */
export const ttlSeconds = 10;

/**
 * The configuration of one member, in JSON, which is YAML too. What is under `bootstrap` counts for the first member
 * that comes.
 */
export function patroniConfig(place: MemberPlace): string {
  const { name, folder, scope, binFolder, etcdPort, restPort, port } = place;
  const local = '127.0.0.1';
  return JSON.stringify({
    scope,
    name,
    restapi: { listen: `${local}:${restPort}`, connect_address: `${local}:${restPort}` },
    etcd3: { hosts: [`${local}:${etcdPort}`] },
    bootstrap: {
      dcs: {
        ttl: ttlSeconds,
        loop_wait: 1,
        retry_timeout: 3,
        synchronous_mode: true,
        postgresql: {
          use_pg_rewind: true,
          use_slots: true,
          parameters: { synchronous_commit: 'on', wal_keep_size: '64MB', shared_buffers: '16MB' },
        },
      },
      initdb: [{ encoding: 'UTF8' }, { locale: 'C' }, 'data-checksums', 'no-sync'],
    },
    postgresql: {
      listen: `${local}:${port}`,
      connect_address: `${local}:${port}`,
      data_dir: dataFolder(place),
      bin_dir: binFolder,
      pgpass: join(folder, `${name}.pgpass`),
      authentication: {
        superuser: { username: 'postgres', password: 'unused' },
        replication: { username: 'replicator', password: 'unused' },
        rewind: { username: 'rewinder', password: 'unused' },
      },
      pg_hba: [
        `host all all ${local}/32 trust`,
        `host replication replicator ${local}/32 trust`,
        'local all all trust',
      ],
      parameters: { unix_socket_directories: folder },
    },
  });
}

/** Where a member's server keeps its data. */
export function dataFolder({ folder, name }: Pick<MemberPlace, 'folder' | 'name'>): string {
  return join(folder, name);
}
