import { runWithReplication, useReplica } from '@node-replicated/core';
import { describe, expect, it } from 'vitest';
import { cluster, pool, stagePool } from './pool-stage.js';
import { during, duringGet, duringPost, request, where } from './stage.js';

stagePool();

describe('where a request writes', () => {
  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('a SELECT under %s runs on the writer', async (method) => {
    const scope = request(method);
    expect(await during(scope, () => where(pool))).toMatchObject({ standby: false, reader: false });
    expect(scope.session.wrote()).toBe(true);
  });

  it('runs on the writer outside any request', async () => {
    expect(await where(pool)).toMatchObject({ standby: false, reader: false });
  });

  it("a GET's later reads go to the primary's reader, and see what it wrote", async () => {
    await cluster.replicas[0]?.pauseReplay();
    await cluster.replicas[1]?.pauseReplay();
    try {
      await duringGet(async () => {
        expect(await where(pool)).toMatchObject({ standby: true });
        await pool.query("INSERT INTO notes (body) VALUES ('own write')");
        const { rows } = await pool.query(
          "SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS ro FROM notes WHERE body = 'own write'",
        );
        expect(rows).toEqual([{ standby: false, ro: 'on' }]);
      });
    } finally {
      await cluster.replicas[0]?.resumeReplay();
      await cluster.replicas[1]?.resumeReplay();
    }
  });

  it('reads that begin while the write is still under way go to the primary', async () => {
    await duringGet(async () => {
      const write = pool.query("SELECT pg_sleep(0.05); INSERT INTO notes (body) VALUES ('slow')");
      await write;
      const slow = pool.query("INSERT INTO notes (body) SELECT 'slower' FROM pg_sleep(0.1)");
      expect(await where(pool)).toMatchObject({ standby: false });
      await slow;
    });
  });

  it('a read with eventual consistency stays on a replica after a write', async () => {
    await duringGet(async () => {
      await pool.query("INSERT INTO notes (body) VALUES ('eventual')");
      expect(await useReplica({ consistency: 'eventual' }, () => where(pool))).toMatchObject({
        standby: true,
      });
      expect(await where(pool)).toMatchObject({ standby: false, reader: true });
    });
  });

  it('useReplica in a POST reads from a replica, until the request has written', async () => {
    await duringPost(async () => {
      expect(await useReplica(() => where(pool))).toMatchObject({ standby: true });
      await pool.query("INSERT INTO notes (body) VALUES ('post')");
      expect(await useReplica(() => where(pool))).toMatchObject({ standby: false });
    });
  });

  it('another request is not affected', async () => {
    await duringGet(() => pool.query("INSERT INTO notes (body) VALUES ('mine')"));
    expect(await duringGet(() => where(pool))).toMatchObject({ standby: true });
  });
});

describe('jobs', () => {
  it('in role replica read from a replica, and from the primary once they have written', async () => {
    await runWithReplication({ role: 'replica' }, async () => {
      expect(await where(pool)).toMatchObject({ standby: true });
      await pool.query("INSERT INTO notes (body) VALUES ('job')");
      expect(await where(pool)).toMatchObject({ standby: false, reader: true });
    });
  });

  it('in role primary run on the writer', async () => {
    await runWithReplication({}, async () => {
      expect(await where(pool)).toMatchObject({ standby: false, reader: false });
    });
  });
});
