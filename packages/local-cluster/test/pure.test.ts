import { describe, expect, it } from 'vitest';
import { leaveOut } from '../src/base-backup.js';
import { isClusterFolder, newClusterFolder } from '../src/cluster-folder.js';
import { type ClusterOptions, resolveOptions } from '../src/cluster-options.js';
import { parsePs, parseStat, serverProcesses } from '../src/processes.js';
import { parseNobody, serverEnvironment, spawnIdentity } from '../src/run-as.js';
import { clusterSettings, primaryConninfo, settingsText } from '../src/settings.js';
import { sharedMemoryId } from '../src/shared-memory.js';

describe('options', () => {
  it('have defaults', () => {
    expect(resolveOptions({})).toMatchObject({
      replicas: 2,
      sync: 0,
      quorum: 0,
      cascade: false,
      settings: {},
    });
    expect(resolveOptions({ sync: true }).sync).toBe(1);
    expect(resolveOptions({ quorum: true }).quorum).toBe(1);
  });

  it.each<[string, ClusterOptions]>([
    ['replicas', { replicas: -1 }],
    ['replicas', { replicas: 1.5 }],
    ['replicas', { replicas: 17 }],
    ['sync', { sync: 3 }],
    ['sync', { replicas: 0, sync: true }],
    ['sync', { cascade: true, sync: 2 }],
    ['quorum', { quorum: 3 }],
    ['quorum', { cascade: true, quorum: 2 }],
    ['quorum', { sync: 1, quorum: 1 }],
    ['version', { version: 18.4 }],
    ['settings', { settings: { 'a = 1\nb': 'c' } }],
  ])('that cannot work are refused by name: %s of %j', (name, options) => {
    expect(() => resolveOptions(options)).toThrow(
      expect.objectContaining({ code: 'ERR_CLUSTER_OPTIONS', message: expect.stringContaining(`"${name}"`) }),
    );
  });
});

describe('settings', () => {
  it('are written so that any value survives', () => {
    expect(settingsText({ a: `it's`, b: 'C:\\x', c: '' })).toBe(`a = 'it''s'\nb = 'C:\\\\x'\nc = ''\n`);
  });

  it('name the synchronous standbys in order, old primary included', () => {
    const settings = clusterSettings({ sync: 1, quorum: 0, settings: {} }, ['primary', 'replica-1'], 18);
    expect(settings.synchronous_standby_names).toBe('FIRST 1 ("primary", "replica-1")');
  });

  it('name those of which a quorum is asked for', () => {
    const settings = clusterSettings({ sync: 0, quorum: 2, settings: {} }, ['primary', 'replica-1'], 18);
    expect(settings.synchronous_standby_names).toBe('ANY 2 ("primary", "replica-1")');
  });

  it('hold nothing that an older server does not know', () => {
    expect(clusterSettings({ sync: 0, quorum: 0, settings: {} }, [], 17)).not.toHaveProperty('io_method');
  });

  it('can be overridden', () => {
    expect(clusterSettings({ sync: 0, quorum: 0, settings: { fsync: 'on' } }, [], 18).fsync).toBe('on');
  });

  it('tell a standby to give its own name', () => {
    expect(primaryConninfo(4321, 'replica-9')).toContain(
      'port=4321 user=postgres application_name=replica-9',
    );
  });
});

describe('the process table', () => {
  it('is read from /proc, whatever a program is called', () => {
    expect(parseStat(7, '7 (a (b) c) T 3 7 7 0', 'x')).toEqual({
      pid: 7,
      parent: 3,
      state: 'T',
      command: 'x',
    });
  });

  it('is read from ps', () => {
    expect(parsePs('    1     0 S    /sbin/init --x\n  200     1 T+   postgres: a/b: walwriter \n')).toEqual([
      { pid: 1, parent: 0, state: 'S', command: '/sbin/init --x' },
      { pid: 200, parent: 1, state: 'T', command: 'postgres: a/b: walwriter ' },
    ]);
  });

  it('shows the servers of one cluster and their descendants, and nobody else', () => {
    const row = (pid: number, parent: number, command: string): ReturnType<typeof parseStat> => {
      return { pid, parent, state: 'S', command };
    };
    const all = [
      row(10, 1, '/usr/bin/postgres -D /tmp/node-replicated-a/primary'),
      row(11, 10, 'postgres: node-replicated-a/primary: walwriter'),
      row(12, 10, 'postgres: renamed'),
      row(13, 12, 'sh -c archive'),
      row(14, 1, 'postgres: node-replicated-a/replica-1: startup'),
      row(15, 1, '/x/initdb -D /tmp/node-replicated-a/primary'),
      row(16, 1, '/usr/bin/etcd --data-dir /tmp/node-replicated-a/etcd'),
      row(17, 1, '/usr/bin/python3 /usr/bin/patroni /tmp/node-replicated-a/pg-1.json'),
      row(18, 1, '/usr/lib/postgresql/15/bin/pg_basebackup --pgdata=/tmp/node-replicated-a/pg-2'),
      row(19, 1, '/usr/bin/python3 /usr/bin/patroni /tmp/node-replicated-b/pg-1.json'),
      row(20, 1, 'tail -f /tmp/node-replicated-a/primary.log'),
      row(21, 1, 'postgres: node-replicated-b/primary: walwriter'),
      row(22, 1, 'vim postgres node-replicated-a'),
    ];
    const found = serverProcesses('node-replicated-a', all).map(({ pid }) => pid);
    expect(found.sort()).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18]);
  });

  it('knows the shared memory of a server from its pid file', () => {
    expect(sharedMemoryId('123\n/data\n1700000000\n5432\n\n127.0.0.1\n  5432001    98304\nready   \n')).toBe(
      '98304',
    );
    expect(sharedMemoryId('123\n/data\n')).toBeUndefined();
  });
});

describe('running as somebody else', () => {
  it('finds nobody, also where its number is negative', () => {
    expect(parseNobody('root:x:0:0::/root:/bin/sh\nnobody:x:99:98::/:/x\n')).toEqual({ uid: 99, gid: 98 });
    const macos = parseNobody('nobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false\n');
    expect(macos).toEqual({ uid: 4_294_967_294, gid: 4_294_967_294 });
    expect(spawnIdentity(macos)).toEqual({ uid: -2, gid: -2 });
    expect(parseNobody('')).toEqual({ uid: 65_534, gid: 65_534 });
    expect(spawnIdentity(undefined)).toEqual({});
  });

  it('keeps from the servers what would steer them', () => {
    const env = { PATH: '/bin', PGOPTIONS: 'x', PG_BIN: 'x', LC_TIME: 'x', LANG: 'x', TZ: 'UTC' };
    expect(serverEnvironment(env)).toEqual({ PATH: '/bin', TZ: 'UTC', LC_ALL: 'C' });
  });
});

describe('folders', () => {
  it('have a name that is checked before anything is removed', () => {
    expect(newClusterFolder()).not.toBe(newClusterFolder());
    expect(isClusterFolder(newClusterFolder())).toBe(true);
    for (const path of ['/', '/tmp', '', '/tmp/node-replicated-postgres-18.4-0011aabb']) {
      expect(isClusterFolder(path)).toBe(false);
    }
  });

  it.each([
    ['postmaster.pid', true],
    ['standby.signal', true],
    ['postgresql.auto.conf', true],
    ['pg_wal/000000010000000000000001', true],
    ['base/pgsql_tmp/x', true],
    ['base/5/pg_internal.init', true],
    ['pg_wal', false],
    ['base/5/1259', false],
    ['global/pg_control', false],
    ['postgresql.conf', false],
  ])('leave out of a backup: %s is %s', (path, left) => {
    expect(leaveOut(path)).toBe(left);
  });
});
