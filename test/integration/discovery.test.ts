import { onReplicationEvent } from '@node-replicated/core';
import { currentScope } from '@node-replicated/core/adapter';
import { type LocalCluster, type LocalNode, startCluster } from '@node-replicated/local-cluster';
import { type NodeOptions, ReplicatedPool } from '@node-replicated/pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Discovered, found, monitorsOf } from './discovery-stage.js';
import {
  duringGet,
  duringPost,
  eventually,
  failureOf,
  heard,
  impatient,
  insert,
  notesSchema,
  where,
  within,
} from './stage.js';

describe('a pool that discovers its nodes', () => {
  let cluster: LocalCluster;
  let first: LocalNode;
  let second: LocalNode;
  let current: Discovered | undefined;

  beforeAll(async () => {
    cluster = await startCluster({ replicas: 2 });
    [first, second] = cluster.replicas as [LocalNode, LocalNode];
    await cluster.primary.query(notesSchema);
    await cluster.waitForCatchUp();
  });
  beforeEach(async () => {
    for (const node of cluster.nodes) {
      await node.thaw();
      if (!node.running) await node.restart();
    }
    await cluster.waitForCatchUp();
  });
  afterEach(async () => {
    const ending = current?.[Symbol.asyncDispose]();
    current = undefined;
    await within(10_000, 'the end of the pool', ending ?? Promise.resolve());
  });
  afterAll(() => cluster?.stop());

  /** A pool that has discovered these nodes, and found all of them up. */
  async function discovered(nodes: readonly LocalNode[], options = {}): Promise<Discovered> {
    current = new Discovered(nodes.map(found), options);
    await current.knows(...nodes.map(({ name }) => name));
    return current;
  }

  it('reads from a replica that is started later', async () => {
    await second.kill();
    const stage = await discovered([cluster.primary, first]);
    await second.restart();
    stage.next = cluster.nodes.map(found);
    await stage.knows(...cluster.nodes.map(({ name }) => name));
    await eventually('it serves', async () => {
      const { port } = await duringGet(() => where(stage.pool));
      return port === second.serverPort;
    });
  });

  it('tells which nodes came and which went', async () => {
    const stage = await discovered([cluster.primary, first]);
    const events = await heard('nodes-changed', async () => {
      stage.next = [cluster.primary, second].map(found);
      await stage.knows('primary', 'replica-2');
    });
    expect(events).toEqual([{ cluster: 'main', added: ['replica-2'], removed: ['replica-1'] }]);
  });

  describe('when a node is not in the list any more', () => {
    it('lets a statement that is under way there finish, and then has no connection there', async () => {
      const stage = await discovered([cluster.primary, first]);
      const slow = duringGet(() => stage.pool.query('SELECT pg_sleep(1.5), inet_server_port() AS port'));
      await eventually('it is under way', async () => (await stage.connectionsTo(first)) === 1);
      stage.next = [cluster.primary, second].map(found);
      await stage.knows('primary', 'replica-2');
      expect(await stage.connectionsTo(first)).toBe(1);
      expect((await duringGet(() => where(stage.pool))).port).toBe(second.serverPort);
      expect((await slow).rows[0]?.port).toBe(first.serverPort);
      await stage.hasLeft(first);
    });

    it('lets a request read on from another one', async () => {
      const stage = await discovered([cluster.primary, first]);
      await duringGet(async () => {
        expect((await where(stage.pool)).port).toBe(first.serverPort);
        stage.next = [cluster.primary, second].map(found);
        await stage.knows('primary', 'replica-2');
        expect((await where(stage.pool)).port).toBe(second.serverPort);
      });
    });

    it('lets a leased client read on from another one', async () => {
      const stage = await discovered([cluster.primary, first]);
      await duringGet(async () => {
        const client = await stage.pool.connect();
        expect((await where(client)).port).toBe(first.serverPort);
        stage.next = [cluster.primary, second].map(found);
        await stage.knows('primary', 'replica-2');
        expect((await where(client)).port).toBe(second.serverPort);
        await stage.hasLeft(first);
        client.release();
      });
    });

    it('lets a transaction on it go on, the primary included, until there is another primary', async () => {
      const stage = await discovered(cluster.nodes);
      const client = await stage.pool.connect();
      await client.query('BEGIN');
      await client.query(insert('in the middle'));
      stage.next = cluster.replicas.map(found);
      await stage.knows('replica-1', 'replica-2');
      await client.query(insert('in the middle'));
      await client.query('COMMIT');
      client.release();
      await stage.hasLeft(cluster.primary);
      const { rows } = await cluster.primary.query("SELECT 1 FROM notes WHERE body = 'in the middle'");
      expect(rows).toHaveLength(2);
    });

    it('sends no new write to it, and writes again when it is back', async () => {
      const stage = await discovered(cluster.nodes, { failoverWaitMs: 10_000 });
      await stage.pool.query(insert('before'));
      stage.next = cluster.replicas.map(found);
      await stage.knows('replica-1', 'replica-2');
      expect(stage.pool.status()).toMatchObject({ primary: null, readOnly: true });
      const writing = stage.pool.query(insert('after'));
      stage.next = cluster.nodes.map(found);
      await within(9_000, 'the write', writing);
      expect(stage.pool.status()).toMatchObject({ primary: 'primary', readOnly: false });
    });

    it('cuts what is under way there once it does not answer any more', async () => {
      const stage = await discovered([cluster.primary, first]);
      const client = await duringGet(() => stage.pool.connect());
      await duringGet(() => client.query('BEGIN READ ONLY'));
      const slow = failureOf(client.query('SELECT pg_sleep(60)'));
      await eventually('it is under way', async () => (await stage.connectionsTo(first)) === 1);
      stage.next = [cluster.primary, second].map(found);
      await stage.knows('primary', 'replica-2');
      await first.freeze();
      expect(await within(10_000, 'the end of the statement', slow)).toBeInstanceOf(Error);
      client.release();
    });

    it('waits with its own end for what is under way there', async () => {
      const stage = await discovered([cluster.primary, first]);
      const slow = duringGet(() => stage.pool.query('SELECT pg_sleep(1), 7 AS n'));
      await eventually('it is under way', async () => (await stage.connectionsTo(first)) === 1);
      stage.next = [cluster.primary, second].map(found);
      await stage.knows('primary', 'replica-2');
      const ending = stage.pool.end();
      expect((await slow).rows[0]?.n).toBe(7);
      await ending;
      expect(stage.pool.totalCount).toBe(0);
      await stage.hasLeft(first);
    });
  });

  it('follows a node to another address under its name', async () => {
    const stage = await discovered([cluster.primary]);
    const moving = (url: string) => [found(cluster.primary), { name: 'moving', connectionString: url }];
    stage.next = moving(first.url);
    await stage.knows('primary', 'moving');
    expect((await duringGet(() => where(stage.pool))).port).toBe(first.serverPort);
    stage.next = moving(second.url);
    await eventually('it is somewhere else', async () => {
      const { port } = await duringGet(() => where(stage.pool));
      return port === second.serverPort;
    });
    await stage.hasLeft(first);
  });

  it('leaks nothing when nodes come and go while it is busy', async () => {
    const stage = await discovered(cluster.nodes);
    let busy = true;
    const readers = Array.from({ length: 8 }, async () => {
      while (busy) await duringGet(() => where(stage.pool));
    });
    const writer = (async () => {
      while (busy) await stage.pool.query(insert('busy'));
    })();
    for (let round = 0; round < 6; round += 1) {
      const staying = round % 2 === 0 ? [cluster.primary, first] : [cluster.primary, second];
      stage.next = staying.map(found);
      await stage.knows(...staying.map(({ name }) => name));
    }
    busy = false;
    await Promise.all([...readers, writer]);
    await stage.hasLeft(first);
    await eventually('one monitor is left', async () => (await monitorsOf(second)) === 1);
  });

  it('looks outside of any request, whoever waits for it', async () => {
    const scopes: unknown[] = [];
    const pool = duringGet(
      () =>
        new ReplicatedPool({
          ...impatient,
          discover: async () => {
            scopes.push(currentScope());
            return cluster.replicas.map(found);
          },
        }),
    );
    try {
      await eventually('it looks on, as there is no primary', () => scopes.length === 2);
      await failureOf(duringPost(() => pool.query('SELECT 1')));
      expect(scopes.length).toBeGreaterThan(2);
      expect(new Set(scopes)).toEqual(new Set([undefined]));
    } finally {
      await pool.end();
    }
  });

  describe('when it finds nothing', () => {
    it.each<[string, Discovered['next'], string]>([
      ['an error', new Error('no route'), 'no route'],
      ['an empty list', [], 'at least one node'],
      ['what is no list', 'nonsense' as never, 'must be a list'],
      ['silence', 'silence', 'No answer within 300 ms'],
    ])('but %s, it keeps the nodes that it knows, and says so', async (_, next, why) => {
      const stage = await discovered(cluster.nodes, { discoverTimeoutMs: 300 });
      const { looks } = stage;
      const events = await heard('discovery-failed', async () => {
        stage.next = next;
        await eventually('it has failed twice', () => stage.looks > looks + 2);
        await eventually('it says so', () => stage.pool.status().discovery?.error?.includes(why) === true);
      });
      expect(events).toEqual([{ cluster: 'main', error: expect.stringContaining(why) }]);
      expect(stage.names).toEqual(['primary', 'replica-1', 'replica-2']);
      expect((await duringGet(() => where(stage.pool))).standby).toBe(true);
      stage.next = cluster.nodes.map(found);
      await eventually('it says so no more', () => stage.pool.status().discovery?.error === null);
    });
  });

  it('looks soon after a loss, however long its interval is, and once', async () => {
    const stage = await discovered([cluster.primary, first], { discoverIntervalMs: 600_000 });
    await stage.isCalm();
    stage.next = cluster.nodes.map(found);
    let failures = 0;
    const stopListening = onReplicationEvent('node-changed', ({ node, to }) => {
      if (node === 'replica-1' && to === 'down') failures += 1;
    });
    await first.kill();
    await eventually('it knows the other one', () => stage.names.includes('replica-2'));
    await eventually('the lost one was tried again, which is no news', () => failures > 6);
    stopListening();
    expect(stage.looks).toBe(3);
  });

  it('looks again and again while there is no primary', async () => {
    const stage = await discovered([cluster.primary, first], { discoverIntervalMs: 600_000 });
    await stage.isCalm();
    stage.next = cluster.replicas.map(found);
    await first.kill();
    await eventually('the primary is gone', () => stage.pool.status().primary === null);
    // One look for each of the two losses, and more.
    await eventually('it has looked on', () => stage.looks > 2 + 3);
    stage.next = cluster.nodes.map(found);
    await stage.pool.query(insert('found again'));
  });

  describe('at its start', () => {
    function begin(next: Discovered['next'], options = {}): Discovered {
      current = new Discovered(next, options);
      return current;
    }

    it('lets statements wait until it has looked, also when failoverWaitMs is 0', async () => {
      let give = (_: readonly NodeOptions[]): void => undefined;
      const list = new Promise<readonly NodeOptions[]>((resolve) => {
        give = resolve;
      });
      const { pool } = begin(list, { failoverWaitMs: 0 });
      const places = Promise.all([duringGet(() => where(pool)), where(pool)]);
      expect(pool.status()).toMatchObject({ nodes: [], readOnly: false, discovery: { foundMsAgo: null } });
      give(cluster.nodes.map(found));
      const [read, write] = await places;
      expect([read.standby, write.port]).toEqual([true, cluster.primary.serverPort]);
    });

    it('fails statements with the reason for which it has found nothing', async () => {
      const { pool } = begin(new Error('no route'), { failoverWaitMs: 50 });
      for (const [code, failing] of [
        ['ERR_NO_PRIMARY', pool.query('SELECT 1')],
        ['ERR_NO_NODE', duringGet(() => pool.query('SELECT 1'))],
      ] as const) {
        const error = await failureOf(failing);
        expect(error).toMatchObject({ code, statusCode: 503, cause: { code: 'ERR_DISCOVERY' } });
        expect(error.message).toContain('no route');
      }
    });

    it('serves statements that still wait when a later look finds the nodes', async () => {
      const stage = begin(new Error('no route'), { failoverWaitMs: 10_000 });
      const reading = duringGet(() => where(stage.pool));
      const writing = where(stage.pool);
      await eventually('the first look has failed', () => stage.pool.status().discovery?.error !== null);
      stage.next = cluster.nodes.map(found);
      expect((await writing).port).toBe(cluster.primary.serverPort);
      expect((await reading).reader).toBe(true);
    });

    it('can end while it looks, and gives the look up', async () => {
      const stage = begin('silence', { discoverTimeoutMs: 60_000 });
      await within(3_000, 'the end', stage.pool.end());
      expect(stage.signals.map(({ aborted }) => aborted)).toEqual([true]);
    });
  });
});
