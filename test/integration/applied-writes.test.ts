import { usePrimary } from '@node-replicated/core';
import { type LocalCluster, type LocalNode, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  goOn,
  type NotesPage,
  newText,
  notesPages,
  patient,
  returnsToReplica,
  shown,
  standStill,
} from './notes-sites.js';
import { frameworks, openSite, type Pages, pinCookieOf, type Site, send } from './sites.js';
import { eventually, notesSchema, numberOn, openPool, within } from './stage.js';

let cluster: LocalCluster;
let asynchronous: LocalNode;
let pool: ReplicatedPool;

beforeAll(async () => {
  cluster = await startCluster({ replicas: 2, sync: 1 });
  [, asynchronous] = cluster.replicas as [LocalNode, LocalNode];
  await cluster.primary.query(notesSchema);
  await cluster.waitForCatchUp();
  pool = await openPool(cluster, patient);
});

afterEach(() => goOn(cluster));

afterAll(async () => {
  if (pool !== undefined) await within(5_000, 'the end of the pool', pool.end());
  await cluster?.stop();
});

/** Longer than any of these tests takes. */
const long = { pin: { forMs: 100_000 } };

function pages(): Pages {
  const { pages: notes } = notesPages(() => pool);
  return {
    pages: {
      ...notes,
      'POST /applied': async ({ headers }) => {
        await usePrimary({ durability: 'remote_apply' }, () =>
          pool.query('INSERT INTO notes (body) VALUES ($1)', [headers['x-text']]),
        );
        return {};
      },
    },
  };
}

describe.for(frameworks)('on %s, with a long forMs', (framework) => {
  async function write(site: Site, route: string, text: string, cookie?: string): Promise<string> {
    const reply = await send(site, route, { 'x-text': text, ...(cookie !== undefined && { cookie }) });
    return pinCookieOf(reply) ?? '';
  }

  async function read(site: Site, text: string, cookie: string): Promise<NotesPage> {
    return shown(await send(site, 'GET /notes', { 'x-text': text, cookie }));
  }

  it('a write that the synchronous replica has applied is read there before forMs is over, and nowhere else', async () => {
    const text = newText();
    await using site = await openSite(framework, pages(), long);
    await asynchronous.pauseReplay();
    const cookie = await write(site, 'POST /applied', text);
    for (let visit = 0; visit < 20; visit += 1) await returnsToReplica(() => read(site, text, cookie), 1);
  });

  it('any other write keeps its client on the primary, also one that follows', async () => {
    const text = newText();
    await using site = await openSite(framework, pages(), long);
    const cookie = await write(site, 'POST /notes', text, await write(site, 'POST /applied', text));
    await cluster.waitForCatchUp();
    expect(await read(site, text, cookie)).toEqual({ count: 2, from: 'primary pin' });
  });

  it('one that is applied after another does not free its client either', async () => {
    const text = newText();
    await using site = await openSite(framework, pages(), long);
    const cookie = await write(site, 'POST /applied', text, await write(site, 'POST /notes', text));
    await cluster.waitForCatchUp();
    expect(await read(site, text, cookie)).toEqual({ count: 2, from: 'primary pin' });
  });

  it('without synchronous replicas such a write returns unapplied, and its position holds its client all the same', async () => {
    const text = newText();
    await using site = await openSite(framework, pages(), long);
    await synchronous("''");
    try {
      await standStill(cluster);
      const cookie = await write(site, 'POST /applied', text);
      expect(await read(site, text, cookie)).toEqual({ count: 1, from: 'primary pin' });
      await goOn(cluster);
      await returnsToReplica(() => read(site, text, cookie), 1);
    } finally {
      await synchronous('DEFAULT');
    }
  });
});

/** Names the replicas that commits wait for. */
async function synchronous(names: string): Promise<void> {
  const reset = names === 'DEFAULT';
  const { primary } = cluster;
  await primary.query(
    reset
      ? 'ALTER SYSTEM RESET synchronous_standby_names'
      : `ALTER SYSTEM SET synchronous_standby_names = ${names}`,
  );
  await primary.query('SELECT pg_reload_conf()');
  const sql = "SELECT count(*) AS n FROM pg_stat_replication WHERE sync_state = 'sync'";
  await eventually('it is known', async () => (await numberOn(primary, sql)) === (reset ? 1 : 0));
}
