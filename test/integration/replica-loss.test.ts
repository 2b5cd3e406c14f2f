import type { LocalNode } from '@node-replicated/local-cluster';
import { afterEach, describe, expect, it } from 'vitest';
import { becomes, cluster, first, pool, second, stageNodes } from './nodes-stage.js';
import {
  during,
  duringGet,
  duringPost,
  eventually,
  failureOf,
  heard,
  insert,
  numberOn,
  openPool,
  request,
  stateOf,
  where,
  within,
} from './stage.js';

describe('a primary and two replicas', () => {
  stageNodes();

  describe('when a replica is killed', () => {
    afterEach(async () => {
      for (const node of cluster.nodes) if (!node.running) await node.restart();
      await cluster.waitForCatchUp();
    });

    it('reads go on without an error on the other, and come back after its restart', async () => {
      await readMany(20);
      const reading = readFor(600);
      await first.kill();
      await reading;
      await becomes(pool, 'replica-1', 'down');
      expect(await readMany(10)).toEqual(new Set([second.serverPort]));
      await first.restart();
      await becomes(pool, 'replica-1', 'up');
      expect(await readMany(40)).toEqual(new Set([first.serverPort, second.serverPort]));
    });

    it('a read that is under way on it is answered by another', async () => {
      for (const kind of ['pool', 'lease']) {
        const slow = duringGet(async () => {
          const sql = 'SELECT inet_server_port() AS port, pg_sleep(2)';
          if (kind === 'pool') return (await pool.query(sql)).rows[0]?.port;
          const client = await pool.connect();
          return client
            .query(sql)
            .then(({ rows }) => rows[0]?.port)
            .finally(() => client.release());
        });
        const node = await sleepingNode();
        await node.kill();
        expect(await slow).not.toBe(node.serverPort);
        await node.restart();
        await cluster.waitForCatchUp();
        await becomes(pool, node.name, 'up');
      }
    });

    it("and the other one too, reads go on on the primary's reader, and this is told", async () => {
      await Promise.all([first.kill(), second.kill()]);
      const scope = request('GET');
      let place: unknown;
      const events = await heard('fallback-to-primary', async () => {
        place = await during(scope, () => where(pool));
      });
      expect(place).toMatchObject({ port: cluster.primary.serverPort, reader: true });
      expect(events).toEqual([{ cluster: 'main', reason: 'no-replica' }]);
      expect(scope.session.uses).toEqual([{ node: 'primary', role: 'primary', reason: 'no-replica' }]);
      expect(scope.session.wrote()).toBe(false);
      await becomes(pool, 'replica-1', 'down');
      await becomes(pool, 'replica-2', 'down');
      expect(await readMany(10)).toEqual(new Set([cluster.primary.serverPort]));
      await Promise.all([first.restart(), second.restart()]);
      await becomes(pool, 'replica-1', 'up');
      await becomes(pool, 'replica-2', 'up');
      expect(await readMany(5)).not.toContain(cluster.primary.serverPort);
    });

    it('the one that a request had chosen is replaced for the rest of it', async () => {
      await duringGet(async () => {
        const before = await where(pool);
        const node = before.port === first.serverPort ? first : second;
        await node.kill();
        const after = await where(pool);
        expect(after.standby).toBe(true);
        expect(after.port).not.toBe(before.port);
        expect(await where(pool)).toEqual(after);
      });
    });

    it('each change is told as an event', async () => {
      const events = await heard('node-changed', async () => {
        await first.kill();
        await becomes(pool, 'replica-1', 'down');
        await first.restart();
        await becomes(pool, 'replica-1', 'up');
      });
      const moves = events.filter(({ node }) => node === 'replica-1').map(({ from, to }) => `${from} ${to}`);
      expect(moves[0]).toBe('up down');
      expect(moves.at(-1)).toBe('connecting up');
    });

    it('a replica that is up again is found at once when the last other one is lost', async () => {
      const own = await openPool(cluster, { name: 'patient', downtimeMs: 60_000, probeIntervalMs: 30_000 });
      await cluster.primary.kill();
      await second.kill();
      await failureOf(duringPost(() => own.query('SELECT 1')));
      await eventually('both are known to be down', async () => {
        await duringGet(() => own.query('SELECT 1'));
        return stateOf(own, 'replica-2') === 'down' && own.status().readOnly;
      });
      await second.restart();
      await first.kill();
      try {
        expect(await duringGet(() => where(own))).toMatchObject({ port: second.serverPort });
      } finally {
        await own.end();
      }
    });
  });

  describe('when a replica is frozen', () => {
    afterEach(async () => {
      for (const node of cluster.replicas) await node.thaw();
    });

    it('new reads go to the other one', async () => {
      await first.freeze();
      await becomes(pool, 'replica-1', 'down');
      expect(await within(3_000, 'reads', readMany(10))).toEqual(new Set([second.serverPort]));
      await first.thaw();
      await becomes(pool, 'replica-1', 'up');
    });

    it('reads that were sent to it before anybody knew are answered by the other one', async () => {
      await readMany(20);
      await first.freeze();
      const reads = Promise.all(Array.from({ length: 20 }, () => duringGet(() => where(pool))));
      const places = await within(6_000, 'the reads', reads);
      expect(new Set(places.map(({ port }) => port))).toEqual(new Set([second.serverPort]));
    });

    it('the pool can end', async () => {
      const own = await openPool(cluster, { name: 'frozen' });
      await duringGet(() => own.query('SELECT 1'));
      await first.freeze();
      await within(5_000, 'the end', own.end());
    });
  });

  describe('when a replica is cut off', () => {
    afterEach(async () => {
      for (const node of cluster.nodes) await node.heal();
    });

    it.each(['refuse', 'blackhole'] as const)(
      'reads go on, and come back when it is healed (%s)',
      async (mode) => {
        await first.cut(mode);
        await becomes(pool, 'replica-1', 'down');
        expect(await within(5_000, 'reads', readMany(10))).toEqual(new Set([second.serverPort]));
        await first.heal();
        await becomes(pool, 'replica-1', 'up');
        await eventually('it serves again', async () => (await readMany(5)).has(first.serverPort));
      },
    );
  });

  describe('when a replica lags', () => {
    afterEach(async () => {
      for (const node of cluster.replicas) await node.setLag(0);
      await cluster.waitForCatchUp();
    });

    it('more than maxLagMs, it is not read from', async () => {
      const own = await openPool(cluster, { name: 'strict', maxLagMs: 300 });
      await first.setLag(60_000);
      await eventually('it lags', async () => {
        await own.query(insert('lag'));
        return stateOf(own, 'replica-1') === 'lagging';
      });
      for (let i = 0; i < 10; i++) {
        expect(await duringGet(() => where(own))).toMatchObject({ port: second.serverPort });
      }
      await first.setLag(0);
      await becomes(own, 'replica-1', 'up');
      await own.end();
    });

    it('more than maxLagMs since before the pool was opened, it is not read from', async () => {
      await first.setLag(60_000);
      await cluster.primary.query(insert('before the pool'));
      const own = await openPool(cluster, { name: 'newcomer', maxLagMs: 300 });
      try {
        await eventually('it lags', () => stateOf(own, 'replica-1') === 'lagging', 3_000);
      } finally {
        await own.end();
      }
    });
  });

  async function sleepingNode(): Promise<LocalNode> {
    let found: LocalNode | undefined;
    const sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    await eventually('it is under way', async () => {
      for (const node of cluster.replicas) if ((await numberOn(node, sql)) > 0) found = node;
      return found !== undefined;
    });
    return found ?? first;
  }

  /** The ports of the servers that answered reads, each in a request of its own. */
  async function readMany(count: number): Promise<Set<number>> {
    const places = await Promise.all(Array.from({ length: count }, () => duringGet(() => where(pool))));
    return new Set(places.map(({ port }) => port));
  }

  /** Reads without a pause; it fails when one of the reads does. */
  async function readFor(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (performance.now() < until) await readMany(4);
  }
});
