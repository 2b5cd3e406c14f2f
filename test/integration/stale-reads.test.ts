import { defineReplication, usePrimary } from '@node-replicated/core';
import {
  openRequest,
  readyToSeal,
  runInScope,
  type Scope,
  sealResponse,
} from '@node-replicated/core/adapter';
import type { ReplicatedPool, ReplicatedPoolOptions } from '@node-replicated/pg';
import { afterEach, describe, expect, it } from 'vitest';
import { cluster, first, second, stageNodes } from './nodes-stage.js';
import { eventually, failureOf, heard, insert, numberOn, openPool } from './stage.js';

describe('a client whose write no replica has, and no primary', () => {
  stageNodes();
  let own: ReplicatedPool;

  /** Loses the primary before a replica has replayed what the client wrote; `first` is the fresher one. */
  async function lose(forMs: number, options: ReplicatedPoolOptions): Promise<() => Scope> {
    const config = defineReplication({ secret: 'the secret of these tests is long enough', pin: { forMs } });
    const open = (method: string, headers = {}): Scope =>
      openRequest(config, { method, path: '/notes', headers, secure: false });
    own = await openPool(cluster, { name: 'main', failoverWaitMs: 300, ...options });
    await second.pauseReplay();
    await own.query(insert('seen by the first'));
    await eventually(
      'the first has it',
      async () => (await countOn(first)) === (await countOn(cluster.primary)),
    );
    await first.pauseReplay();
    const post = open('POST');
    await runInScope(post, () => own.query(insert('seen by none')));
    await readyToSeal(post);
    const cookie = sealResponse(post)?.cookie?.split(';', 1).join() ?? '';
    await cluster.primary.kill();
    await eventually('it is read-only', () => own.status().readOnly);
    return () => open('GET', { cookie });
  }

  afterEach(async () => {
    await own.end();
    for (const replica of [first, second]) await replica.resumeReplay();
    await cluster.primary.restart();
    await cluster.waitForCatchUp();
  });

  it.each([0, 60_000])('is served by the freshest replica with staleIfError (forMs: %i)', async (forMs) => {
    const get = await lose(forMs, { staleIfError: true });
    for (const kind of ['pool', 'lease']) {
      const scope = get();
      const events = await heard('stale-read', () =>
        runInScope(scope, async () => {
          expect(await count(kind)).toBe(await countOn(first));
          expect(await count(kind)).toBe(await countOn(first));
        }),
      );
      expect(scope.session.uses).toEqual([{ node: 'replica-1', role: 'replica', reason: 'stale' }]);
      expect(events[0]).toEqual({ cluster: 'main', node: 'replica-1', request: 'GET /notes' });
    }
  });

  it.each([0, 60_000])('fails with ERR_NO_PRIMARY without it (forMs: %i)', async (forMs) => {
    const get = await lose(forMs, {});
    for (const kind of ['pool', 'lease']) {
      expect(await failureOf(runInScope(get(), () => count(kind)))).toMatchObject({ code: 'ERR_NO_PRIMARY' });
    }
  });

  it('fails when it asks for the primary by name, with staleIfError too', async () => {
    const get = await lose(0, { staleIfError: true });
    const error = await failureOf(runInScope(get(), () => usePrimary(() => count('pool'))));
    expect(error).toMatchObject({ code: 'ERR_NO_PRIMARY' });
  });

  it('is served the truth when the primary comes back in time, with staleIfError too', async () => {
    const get = await lose(0, { staleIfError: true, failoverWaitMs: 60_000 });
    const reading = runInScope(get(), () => count('pool'));
    await cluster.primary.restart();
    expect(await reading).toBe(await countOn(cluster.primary));
  });

  async function count(kind: string): Promise<number> {
    const sql = 'SELECT count(*) AS n FROM notes';
    if (kind === 'pool') return Number((await own.query(sql)).rows[0]?.n);
    const client = await own.connect();
    return client
      .query(sql)
      .then(({ rows }) => Number(rows[0]?.n))
      .finally(() => client.release());
  }
});

function countOn(node: Parameters<typeof numberOn>[0]): Promise<number> {
  return numberOn(node, 'SELECT count(*) AS n FROM notes');
}
