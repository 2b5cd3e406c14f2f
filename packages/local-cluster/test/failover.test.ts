import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { followersOf } from '../src/catch-up.js';
import { hasDiverged } from '../src/divergence.js';
import { type LocalCluster, type LocalNode, startCluster } from '../src/index.js';
import { eventually, seenBy } from './observe.js';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

describe('after a promotion', () => {
  let cluster: LocalCluster;
  let primary: LocalNode;
  let first: LocalNode;
  let second: LocalNode;
  const write = (node: LocalNode, n: number): Promise<unknown> =>
    node.query('INSERT INTO seen VALUES ($1)', [n]);
  /** Changes when a node's data has been replaced by a copy. */
  const birthOf = async (node: LocalNode): Promise<unknown> =>
    (await node.query(`SELECT pg_stat_file('PG_VERSION') AS birth`)).rows;

  beforeEach(async () => {
    cluster = await startCluster();
    primary = cluster.primary;
    [first, second] = cluster.replicas as [LocalNode, LocalNode];
    await primary.query('CREATE TABLE seen AS SELECT 1 AS n');
    await cluster.waitForCatchUp();
  });
  afterEach(() => cluster?.stop());

  it('the replica takes writes, and the others follow it when told to', async () => {
    await primary.kill();
    await first.promote();
    await write(first, 2);
    await second.follow(first);
    await cluster.waitForCatchUp();
    expect(await seenBy(second)).toEqual([1, 2]);
    await expect(write(second, 3)).rejects.toMatchObject({ code: '25006' });
  });

  it('an old primary that was stopped in order comes back as a replica with its own data', async () => {
    const before = await birthOf(primary);
    await primary.shutdown();
    await first.promote();
    await write(first, 2);
    await primary.follow(first);
    await cluster.waitForCatchUp();
    expect(await seenBy(primary)).toEqual([1, 2]);
    expect(await birthOf(primary)).toEqual(before);
    await expect(write(primary, 3)).rejects.toMatchObject({ code: '25006' });
  });

  it('an old primary that has written on by itself loses that, and comes back as a replica', async () => {
    const before = await birthOf(primary);
    await first.promote();
    await write(primary, 666);
    await write(first, 2);
    await primary.follow(first);
    await cluster.waitForCatchUp();
    expect(await seenBy(primary)).toEqual([1, 2]);
    expect(await birthOf(primary)).not.toEqual(before);

    // This one has received the lost write, and nobody has told it yet.
    expect(await seenBy(second)).toEqual([1, 666]);
    await second.follow(first);
    await cluster.waitForCatchUp();
    expect(await seenBy(second)).toEqual([1, 2]);
  });

  it('an old primary that was killed after a write nobody received comes back as a replica', async () => {
    await first.freeze();
    await second.freeze();
    await write(primary, 666);
    await primary.kill();
    await first.thaw();
    await second.thaw();
    await first.promote();
    await write(first, 2);
    await Promise.all([primary.follow(first), second.follow(first)]);
    await cluster.waitForCatchUp();
    for (const node of cluster.nodes) {
      const seen = await seenBy(node);
      // What a frozen replica finds in its socket when it is thawed is its luck; all agree on it.
      expect(seen).toEqual(await seenBy(first));
      expect(seen).toContain(2);
    }
  });

  it('a rebuilt node takes part in everything: lag, restart, promotion, and the way back', async () => {
    await first.promote();
    await write(primary, 666);
    await primary.follow(first);
    await primary.setLag(1);
    await primary.restart();
    await cluster.waitForCatchUp();
    await first.shutdown();
    await primary.promote();
    await write(primary, 2);
    await first.follow(primary);
    await second.follow(primary);
    await cluster.waitForCatchUp();
    for (const node of cluster.nodes) expect(await seenBy(node)).toEqual([1, 2]);
  });

  it('a lag stays with its node when the node is rebuilt', async () => {
    await second.setLag(1_234);
    await second.promote();
    await write(second, 666);
    await second.follow(primary);
    const { rows } = await second.query('SHOW recovery_min_apply_delay');
    expect(rows).toEqual([{ recovery_min_apply_delay: '1234ms' }]);
  });

  it('a replica can follow another replica, and is not cut off when that one is promoted', async () => {
    await second.follow(first);
    const { rows } = await first.query('SELECT application_name AS name FROM pg_stat_replication');
    expect(rows).toEqual([{ name: 'replica-2' }]);
    await primary.kill();
    await first.promote();
    await write(first, 2);
    await cluster.waitForCatchUp();
    await eventually('it is there', async () => (await seenBy(second)).includes(2));
  });

  it('a node cannot follow itself, one that follows it, one that is down, or one of another cluster', async () => {
    const refused = { code: 'ERR_CLUSTER_STATE' };
    await expect(primary.follow(primary)).rejects.toMatchObject(refused);
    await expect(primary.follow(first)).rejects.toMatchObject(refused);
    await first.freeze();
    await expect(second.follow(first)).rejects.toMatchObject(refused);
    await first.kill();
    await expect(second.follow(first)).rejects.toMatchObject(refused);
    await using other = await startCluster({ replicas: 0 });
    await expect(second.follow(other.primary)).rejects.toMatchObject({ code: 'ERR_CLUSTER_OPTIONS' });
    expect(second.running).toBe(true);
  });

  it('nobody can catch up while there is no primary', async () => {
    await primary.kill();
    await expect(cluster.waitForCatchUp()).rejects.toMatchObject({ code: 'ERR_CLUSTER_STATE' });
  });
});

describe('what decides about following', () => {
  interface Place {
    readonly name: string;
    readonly responsive: boolean;
    readonly upstream: Place | undefined;
  }
  const place = (name: string, upstream?: Place, responsive = true): Place => ({
    name,
    upstream,
    responsive,
  });

  it('counts those that reach the primary through living nodes', () => {
    const top = place('top');
    const direct = place('direct', top);
    const frozen = place('frozen', top, false);
    const other = place('other');
    const all = [
      ...[top, direct, frozen, other],
      ...[place('chained', direct), place('below frozen', frozen), place('elsewhere', other)],
    ];
    expect(followersOf(top, all).map(({ name }) => name)).toEqual(['direct', 'chained']);
  });

  it.each([
    'LOG:  new timeline 2 forked off current database system timeline 1 before current recovery point 0/3000A50',
    "FATAL:  requested timeline 2 is not a child of this server's history",
    "ERROR:  requested starting point 0/3000000 on timeline 1 is not in this server's history",
    'FATAL:  highest timeline 1 of the primary is behind recovery timeline 2',
    'FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000010000000000000001 has already been removed',
  ])('takes it for diverged: %s', (line) => {
    expect(hasDiverged(`2026-11-20 UTC [1] ${line}\n`)).toBe(true);
  });

  it('does not take a lost connection for a divergence', () => {
    expect(hasDiverged('FATAL:  could not connect to the primary server: Connection refused')).toBe(false);
    expect(hasDiverged('LOG:  started streaming WAL from primary at 0/3000000 on timeline 2')).toBe(false);
  });
});
