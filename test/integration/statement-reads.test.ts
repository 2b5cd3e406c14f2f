import { usePrimary } from '@node-replicated/core';
import { sealResponse } from '@node-replicated/core/adapter';
import { describe, expect, it } from 'vitest';
import { cluster, notes, pool, stagePool } from './pool-stage.js';
import { during, duringGet, heard, openPool, request, where } from './stage.js';

stagePool();

describe('a statement that reads, in a GET request', () => {
  it('runs on a replica, in a read-only session', async () => {
    const place = await duringGet(() => where(pool));
    expect(place).toMatchObject({ standby: true, reader: true });
  });

  it('stays on one replica for the whole request, also when statements run at once', async () => {
    for (let i = 0; i < 20; i++) {
      await duringGet(async () => {
        const first = await where(pool);
        const more = await Promise.all(Array.from({ length: 8 }, () => where(pool)));
        expect(new Set([first, ...more].map(({ port }) => port)).size).toBe(1);
      });
    }
  });

  it('stays on one replica when the very first statements run at once', async () => {
    for (let i = 0; i < 20; i++) {
      const places = await duringGet(() => Promise.all(Array.from({ length: 8 }, () => where(pool))));
      expect(new Set(places.map(({ port }) => port)).size).toBe(1);
    }
  });

  it('uses all replicas over many requests', async () => {
    const ports = new Set<number>();
    for (let i = 0; i < 60; i++) ports.add((await duringGet(() => where(pool))).port);
    expect([...ports].sort()).toEqual(cluster.replicas.map(({ serverPort }) => serverPort).sort());
  });

  it('does not mark the request as written, and sets no cookie', async () => {
    const scope = request('GET');
    await during(scope, () => pool.query('SELECT * FROM notes'));
    expect(scope.session.wrote()).toBe(false);
    expect(sealResponse(scope)).toBeUndefined();
  });

  it('runs on a replica under HEAD', async () => {
    expect(await during(request('HEAD'), () => where(pool))).toMatchObject({ standby: true });
  });

  it.each(['SHOW server_version', 'VALUES (1)', 'TABLE counters', 'EXPLAIN SELECT 1', '( SELECT 1 )'])(
    'is not taken for a write: %s',
    async (sql) => {
      const scope = request('GET');
      const sent = await heard('statement', () => during(scope, () => pool.query(sql)));
      expect(sent).toMatchObject([{ role: 'replica', reason: 'method', session: 'reader' }]);
      expect(scope.session.wrote()).toBe(false);
    },
  );
});

describe('reads on the primary', () => {
  it('of a pinned GET do not count as written', async () => {
    const scope = await pinnedGet();
    expect(await during(scope, () => where(pool))).toMatchObject({ standby: false, reader: true });
    expect(scope.session.uses).toEqual([{ node: 'primary', role: 'primary', reason: 'pin' }]);
    expect(scope.session.wrote()).toBe(false);
    expect(sealResponse(scope)).toBeUndefined();
  });

  it('of a pinned GET that writes after all count, and the write happens once', async () => {
    const scope = await pinnedGet();
    await during(scope, () => pool.query("SELECT note_down('pinned')"));
    expect(await notes('pinned')).toBe(1);
    expect(scope.session.wrote()).toBe(true);
  });

  it('of usePrimary in a GET do not count as written', async () => {
    const scope = request('GET');
    const place = await during(scope, () => usePrimary(() => where(pool)));
    expect(place).toMatchObject({ standby: false, reader: true });
    expect(scope.session.wrote()).toBe(false);
  });

  it('of usePrimary in a GET that writes count', async () => {
    const scope = request('GET');
    await during(scope, () => usePrimary(() => pool.query("SELECT note_down('forced primary')")));
    expect(scope.session.wrote()).toBe(true);
    expect(await notes('forced primary')).toBe(1);
  });

  it('count as written when a text of several statements switches its session to writing', async () => {
    const own = await openPool(cluster, { name: 'sly' });
    const scope = request('GET');
    await during(scope, () =>
      usePrimary(() =>
        own.query(
          "SELECT 1; SET default_transaction_read_only = off; COMMIT; INSERT INTO notes (body) VALUES ('sly')",
        ),
      ),
    );
    expect(scope.session.wrote()).toBe(true);
    expect(await notes('sly')).toBe(1);
    await own.end();
  });

  it('stay read-only for the next user when a statement has switched its session to writing', async () => {
    const own = await openPool(cluster, { name: 'switched', max: 1 });
    await duringGet(() =>
      usePrimary(() => own.query("SELECT set_config('default_transaction_read_only', 'off', false)")),
    );
    const scope = request('GET');
    await during(scope, () => usePrimary(() => own.query("SELECT note_down('switched off')")));
    expect(scope.session.wrote()).toBe(true);
    await own.end();
  });

  async function pinnedGet(): Promise<ReturnType<typeof request>> {
    const post = request('POST');
    await during(post, () => pool.query('SELECT 1'));
    const cookie = sealResponse(post)?.cookie?.split(';', 1).join() ?? '';
    return request('GET', { cookie });
  }
});
