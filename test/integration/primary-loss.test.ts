import { usePrimary } from '@node-replicated/core';
import { sealResponse } from '@node-replicated/core/adapter';
import { afterEach, describe, expect, it } from 'vitest';
import { cluster, pool, stageNodes } from './nodes-stage.js';
import {
  type Asker,
  during,
  duringGet,
  duringPost,
  eventually,
  failureOf,
  insert,
  numberOn,
  openPool,
  request,
  where,
  within,
} from './stage.js';

describe('a primary and two replicas', () => {
  stageNodes();

  describe('when the primary is killed', () => {
    afterEach(async () => {
      if (!cluster.primary.running) await cluster.primary.restart();
      await eventually('replicas stream again', async () => {
        return (await numberOn(cluster.primary, 'SELECT count(*) AS n FROM pg_stat_replication')) === 2;
      });
    });

    it('reads go on, writes fail with ERR_NO_PRIMARY after failoverWaitMs, and it comes back', async () => {
      const own = await openPool(cluster, { name: 'lonely', failoverWaitMs: 400 });
      await own.query('SELECT 1');
      await cluster.primary.kill();
      await eventually('it is read-only', () => own.status().readOnly);
      expect(await duringGet(() => where(own))).toMatchObject({ standby: true });
      const began = performance.now();
      const error = await failureOf(duringPost(() => own.query(insert('too late'))));
      expect(performance.now() - began).toBeGreaterThan(350);
      expect(performance.now() - began).toBeLessThan(2_000);
      expect(error).toMatchObject({
        name: 'ReplicationError',
        code: 'ERR_NO_PRIMARY',
        statusCode: 503,
        headers: { 'Retry-After': '1' },
      });
      await expect(duringPost(() => own.connect())).rejects.toMatchObject({ code: 'ERR_NO_PRIMARY' });
      await expect(duringGet(() => own.query(insert('too late')))).rejects.toMatchObject({
        code: 'ERR_NO_PRIMARY',
      });
      await cluster.primary.restart();
      await eventually('it is written to again', () => !own.status().readOnly);
      await own.query(insert('again'));
      await own.end();
    });

    it('a write waits for its return within failoverWaitMs', async () => {
      const own = await openPool(cluster, { name: 'waiting', failoverWaitMs: 10_000 });
      await cluster.primary.kill();
      await eventually('it is read-only', () => own.status().readOnly);
      const write = own.query("INSERT INTO notes (body) VALUES ('waited')");
      await cluster.primary.restart();
      await write;
      expect(await numberOn(cluster.primary, "SELECT count(*) AS n FROM notes WHERE body = 'waited'")).toBe(
        1,
      );
      await own.end();
    });

    it('a read that has to be on the primary fails with ERR_NO_PRIMARY', async () => {
      const own = await openPool(cluster, { name: 'pinned', failoverWaitMs: 300 });
      const post = request('POST');
      await during(post, () => own.query('SELECT 1'));
      const cookie = sealResponse(post)?.cookie?.split(';', 1).join() ?? '';
      await cluster.primary.kill();
      await eventually('it is read-only', () => own.status().readOnly);
      const pinned = request('GET', { cookie });
      await expect(during(pinned, () => where(own))).rejects.toMatchObject({ code: 'ERR_NO_PRIMARY' });
      await expect(duringGet(() => usePrimary(() => where(own)))).rejects.toMatchObject({
        code: 'ERR_NO_PRIMARY',
      });
      await own.end();
    });

    it.each(['pool', 'lease'])(
      'a request whose write found no primary still reads from a replica (%s)',
      async (kind) => {
        const own = await openPool(cluster, { name: 'undeterred', failoverWaitMs: 300 });
        await cluster.primary.kill();
        await eventually('it is read-only', () => own.status().readOnly);
        await duringGet(async () => {
          const client = kind === 'pool' ? undefined : await own.connect();
          const asker: Asker = client ?? own;
          const error = await failureOf(asker.query(insert('not counted')));
          const place = await where(asker).finally(() => client?.release());
          expect(error.code).toBe('ERR_NO_PRIMARY');
          expect(place).toMatchObject({ standby: true });
        }).finally(() => own.end());
      },
    );

    it('a read that was under way fails with the loss when the same one comes back, as it may be its fault', async () => {
      const own = await openPool(cluster, { name: 'again', failoverWaitMs: 60_000 });
      const sleep = 'SELECT pg_sleep(5)';
      const slow = failureOf(duringGet(() => usePrimary(() => own.query(sleep))));
      await eventually('it is under way', async () => {
        const sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        return (await numberOn(cluster.primary, sql)) === 1;
      });
      await cluster.primary.kill();
      await eventually('it is read-only', () => own.status().readOnly);
      await cluster.primary.restart();
      expect((await within(20_000, 'the end of the read', slow)).message).toMatch(
        /terminated|does not answer/,
      );
      await own.end();
    });

    it('a write that was under way is ERR_OUTCOME_UNKNOWN', async () => {
      const slow = failureOf(pool.query("INSERT INTO notes (body) SELECT 'cut' FROM pg_sleep(5)"));
      await eventually('it is under way', async () => {
        const sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        return (await numberOn(cluster.primary, sql)) === 1;
      });
      await cluster.primary.kill();
      expect(await slow).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN', cause: expect.any(Error) });
    });
  });

  it('a read that has to be on the primary is asked once more when only its connection was lost', async () => {
    const slow = duringGet(() => usePrimary(() => pool.query('SELECT 1 AS one FROM pg_sleep(2)')));
    await eventually('it is under way and cut', async () => {
      const sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
      return (await numberOn(cluster.primary, `SELECT count(*) AS n FROM (${sql}) AS cut`)) === 1;
    });
    expect((await within(20_000, 'the read', slow)).rows).toEqual([{ one: 1 }]);
  });

  describe('when the primary is frozen', () => {
    afterEach(() => cluster.primary.thaw());

    it('writes that begin then fail with ERR_NO_PRIMARY, and do not hang', async () => {
      const own = await openPool(cluster, { name: 'stiff', failoverWaitMs: 500 });
      await cluster.primary.freeze();
      const error = await within(8_000, 'the write', failureOf(own.query(insert('stiff'))));
      expect(error).toMatchObject({ code: 'ERR_NO_PRIMARY' });
      await cluster.primary.thaw();
      await own.end();
    });
  });
});
