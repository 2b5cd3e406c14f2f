import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type LocalCluster, type LocalNode, startCluster } from '../src/index.js';
import { connectTo, eventually, seenBy } from './observe.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describe('a cluster of one primary and two replicas', () => {
  let cluster: LocalCluster;
  let first: LocalNode;
  let second: LocalNode;
  let next = 0;

  const write = async (): Promise<number> => {
    await cluster.primary.query('INSERT INTO seen VALUES ($1)', [++next]);
    return next;
  };

  beforeAll(async () => {
    cluster = await startCluster();
    [first, second] = cluster.replicas as [LocalNode, LocalNode];
    await cluster.primary.query('CREATE TABLE seen (n int)');
  });
  afterAll(() => cluster?.stop());

  it('names its nodes and gives each an address of its own', () => {
    expect(cluster.nodes.map(({ name }) => name)).toEqual(['primary', 'replica-1', 'replica-2']);
    expect(cluster.url).toBe(cluster.primary.url);
    expect(cluster.replicaUrls).toEqual([first.url, second.url]);
    const ports = cluster.nodes.flatMap(({ port, serverPort }) => [port, serverPort]);
    expect(new Set(ports).size).toBe(6);
    expect(cluster.primary.directUrl).toBe(
      `postgresql://postgres@127.0.0.1:${cluster.primary.serverPort}/postgres`,
    );
  });

  it('shows on the replicas what was written on the primary, through the urls of applications', async () => {
    const writer = await connectTo(cluster.url);
    const readers = await Promise.all(cluster.replicaUrls.map(connectTo));
    await writer.query('INSERT INTO seen VALUES ($1)', [++next]);
    await cluster.waitForCatchUp();
    for (const reader of readers) {
      const { rows } = await reader.query('SELECT max(n) AS n FROM seen');
      expect(rows).toEqual([{ n: next }]);
    }
    await Promise.all([writer, ...readers].map((client) => client.end()));
  });

  it('has replicas that stream from the primary and refuse writes', async () => {
    const { rows } = await cluster.primary.query(
      'SELECT application_name AS name, state FROM pg_stat_replication ORDER BY 1',
    );
    expect(rows).toEqual([
      { name: 'replica-1', state: 'streaming' },
      { name: 'replica-2', state: 'streaming' },
    ]);
    await expect(first.query('INSERT INTO seen VALUES (0)')).rejects.toMatchObject({ code: '25006' });
  });

  it('delays what a replica shows, for that replica alone and until the lag is removed', async () => {
    await first.setLag(600_000);
    const n = await write();
    await eventually('the other replica shows it', async () => (await seenBy(second)).includes(n));
    await eventually('the delayed replica has received it', async () => {
      const { rows } = await first.query<{ behind: boolean }>(
        'SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn() AS behind',
      );
      return rows[0]?.behind === true;
    });
    expect(await seenBy(first)).not.toContain(n);

    await first.setLag(0);
    await cluster.waitForCatchUp();
    expect(await seenBy(first)).toContain(n);
  });

  it('shows a delayed commit once the lag has passed', async () => {
    await second.setLag(300);
    const written = Date.now();
    const n = await write();
    await eventually('the replica shows it', async () => (await seenBy(second)).includes(n));
    // Both clocks are this machine's; PostgreSQL counts from the commit, which is before `written` + 300.
    expect(Date.now() - written).toBeGreaterThanOrEqual(290);
    await second.setLag(0);
  });

  it('holds back everything while replay is paused, and catches up when it goes on', async () => {
    await first.pauseReplay();
    const n = await write();
    await cluster.waitForCatchUp();
    expect(await seenBy(second)).toContain(n);
    expect(await seenBy(first)).not.toContain(n);

    await first.resumeReplay();
    await cluster.waitForCatchUp();
    expect(await seenBy(first)).toContain(n);
  });

  it('pauses a replica in the middle of a delay', async () => {
    await first.setLag(600_000);
    const n = await write();
    await eventually('replay is being delayed', async () => {
      const { rows } = await first.query(
        `SELECT FROM pg_stat_activity WHERE backend_type = 'startup' AND wait_event = 'RecoveryApplyDelay'`,
      );
      return rows.length === 1;
    });
    await first.pauseReplay();
    await first.setLag(0);
    await eventually('replay is paused', async () => {
      const { rows } = await first.query<{ state: string }>(
        'SELECT pg_get_wal_replay_pause_state() AS state',
      );
      return rows[0]?.state === 'paused';
    });
    expect(await seenBy(first)).not.toContain(n);
    await first.resumeReplay();
    await cluster.waitForCatchUp();
    expect(await seenBy(first)).toContain(n);
  });

  it('waits in vain for a replica that is too late, and says which', async () => {
    await second.setLag(600_000);
    await write();
    await expect(cluster.waitForCatchUp({ timeoutMs: 100 })).rejects.toMatchObject({
      code: 'ERR_CLUSTER_TIMEOUT',
      message: expect.stringContaining('replica-2 to catch up with primary'),
    });
    await expect(cluster.waitForCatchUp({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    await second.setLag(0);
    await cluster.waitForCatchUp();
  });

  it('refuses what only a replica can do, and a lag that is no number', async () => {
    const refused = { code: 'ERR_CLUSTER_STATE', message: expect.stringContaining('primary is a primary') };
    await expect(cluster.primary.setLag(10)).rejects.toMatchObject(refused);
    await expect(cluster.primary.pauseReplay()).rejects.toMatchObject(refused);
    await expect(cluster.primary.promote()).rejects.toMatchObject(refused);
    await expect(first.setLag(-1)).rejects.toMatchObject({ code: 'ERR_CLUSTER_OPTIONS' });
    await expect(first.setLag(Number.NaN)).rejects.toMatchObject({ code: 'ERR_CLUSTER_OPTIONS' });
  });
});

describe('other shapes of a cluster', () => {
  it('lets each replica stream from the one before it', async () => {
    await using cluster = await startCluster({ cascade: true });
    const [first, second] = cluster.replicas as [LocalNode, LocalNode];
    const followers = async (node: LocalNode): Promise<unknown[]> =>
      (await node.query('SELECT application_name AS name FROM pg_stat_replication')).rows;
    expect(await followers(cluster.primary)).toEqual([{ name: 'replica-1' }]);
    expect(await followers(first)).toEqual([{ name: 'replica-2' }]);

    await cluster.primary.query('CREATE TABLE seen AS SELECT 1 AS n');
    await cluster.waitForCatchUp();
    expect(await seenBy(second)).toEqual([1]);
  });

  it('makes a commit wait for a synchronous replica', async () => {
    await using cluster = await startCluster({ sync: true });
    const [first] = cluster.replicas as [LocalNode];
    await cluster.primary.query('CREATE TABLE seen (n int)');
    const { rows } = await cluster.primary.query(
      'SELECT application_name AS name, sync_state FROM pg_stat_replication ORDER BY 1',
    );
    expect(rows).toEqual([
      { name: 'replica-1', sync_state: 'sync' },
      { name: 'replica-2', sync_state: 'potential' },
    ]);

    await first.freeze();
    const commit = cluster.primary.query('INSERT INTO seen VALUES (1)');
    await eventually('the commit waits for the replica', async () => {
      const waiting = await cluster.primary.query(
        `SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
      );
      return waiting.rows.length === 1;
    });
    await first.thaw();
    await commit;
  });

  it('makes a commit wait for a quorum, whoever is in it', async () => {
    await using cluster = await startCluster({ quorum: true });
    const { rows } = await cluster.primary.query(
      'SELECT application_name AS name, sync_state FROM pg_stat_replication ORDER BY 1',
    );
    expect(rows).toEqual([
      { name: 'replica-1', sync_state: 'quorum' },
      { name: 'replica-2', sync_state: 'quorum' },
    ]);
    for (const node of cluster.replicas) {
      await node.freeze();
      await cluster.primary.query('CREATE TABLE IF NOT EXISTS of_a_quorum ()');
      await cluster.primary.query('DROP TABLE of_a_quorum');
      await node.thaw();
    }
  });

  it('passes settings to all nodes, where they win', async () => {
    await using cluster = await startCluster({
      replicas: 1,
      settings: { work_mem: '7MB', log_line_prefix: `it's a \\ ` },
    });
    for (const node of cluster.nodes) {
      const { rows } = await node.query(
        `SELECT current_setting('work_mem') AS a, current_setting('log_line_prefix') AS b`,
      );
      expect(rows).toEqual([{ a: '7MB', b: `it's a \\ ` }]);
    }
  });

  it('can be a primary alone', async () => {
    await using cluster = await startCluster({ replicas: 0 });
    expect(cluster.replicaUrls).toEqual([]);
    await cluster.waitForCatchUp();
  });

  it('can run twice at the same time', async () => {
    await using one = await startCluster({ replicas: 1 });
    await using other = await startCluster({ replicas: 1 });
    await one.primary.query('CREATE TABLE seen (n int)');
    await other.waitForCatchUp();
    await expect(seenBy(other.primary)).rejects.toMatchObject({ code: '42P01' });
  });
});
