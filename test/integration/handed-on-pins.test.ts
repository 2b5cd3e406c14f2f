import { defineReplication, exportPin, replicationCounts, runWithPin } from '@node-replicated/core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newText, notesPages, patient, shown, standStill } from './notes-sites.js';
import { cluster, pool, stagePool } from './pool-stage.js';
import { frameworks, openSite, type Pages, secret, send } from './sites.js';

const lagMs = 3_000;
const config = defineReplication({ secret, pin: { forMs: 0 } });

stagePool({ options: patient });

beforeAll(async () => {
  for (const replica of cluster.replicas) await replica.setLag(lagMs);
});

afterEach(async () => {
  for (const replica of cluster.replicas) await replica.resumeReplay();
});

/** A page that writes, and gives a token for a job. */
function orders(): Pages {
  const { pages } = notesPages(() => pool);
  return {
    pages: {
      ...pages,
      'POST /orders': async ({ headers }) => {
        await pool.query('INSERT INTO notes (body) VALUES ($1)', [headers['x-text']]);
        return { token: await exportPin() };
      },
    },
  };
}

async function count(text: string): Promise<number> {
  const { rows } = await pool.query('SELECT count(*)::int AS count FROM notes WHERE body = $1', [text]);
  return rows[0]?.count;
}

describe.for(frameworks)('a job that a request of %s leaves behind, under a lag of 3 s', (framework) => {
  let text: string;
  beforeEach(() => {
    text = newText();
  });

  async function order(settings = {}): Promise<string | undefined> {
    await using site = await openSite(framework, orders(), { pin: { forMs: 0 }, ...settings });
    const { body } = await send(site, 'POST /orders', { 'x-text': text });
    return (body as { token?: string }).token;
  }

  it('reads what the request has written', async () => {
    const token = await order();
    expect(await runWithPin(token, { config }, () => count(text))).toBe(1);
  });

  it('misses it without the token, and with pins switched off', async () => {
    await standStill(cluster);
    await order();
    expect(await runWithPin(undefined, { config }, () => count(text))).toBe(0);
    const token = await order({ pin: false });
    expect(token).toBeUndefined();
    expect(await runWithPin(token, { config }, () => count(text))).toBe(0);
  });

  it('misses it with a token that somebody has changed, which is counted', async () => {
    await standStill(cluster);
    const token = (await order()) ?? '';
    const before = replicationCounts()['pin-ignored'] ?? 0;
    const changed = token.replace(/^1\.\w/, '1.0');
    expect(changed).not.toBe(token);
    expect(await runWithPin(changed, { config }, () => count(text))).toBe(0);
    expect((replicationCounts()['pin-ignored'] ?? 0) - before).toBe(1);
  });

  it('hands on what it writes itself', async () => {
    const token = await order();
    const later = await runWithPin(token, { config }, async () => {
      await pool.query('INSERT INTO notes (body) VALUES ($1)', [text]);
      return exportPin();
    });
    expect(await runWithPin(later, { config }, () => count(text))).toBe(2);
  });
});

describe.for(frameworks)('a service that a request of %s calls, with the same secret', (framework) => {
  let text: string;
  beforeEach(() => {
    text = newText();
  });

  /** @param pass whether the caller passes its pin on */
  async function throughBoth(pass: boolean, settings = {}): Promise<unknown> {
    const other = frameworks.find((each) => each !== framework) ?? framework;
    const options = { tokenHeader: true, pin: { forMs: 0 }, ...settings };
    await using callee = await openSite(
      other,
      notesPages(() => pool),
      { ...options, cookie: false },
    );
    const pages: Pages = {
      pages: {
        'POST /orders': async ({ headers }) => {
          await pool.query('INSERT INTO notes (body) VALUES ($1)', [headers['x-text']]);
          const token = pass ? await exportPin() : undefined;
          const carried = token === undefined ? {} : { 'Replication-Token': token };
          return shown(await send(callee, 'GET /notes', { 'x-text': text, ...carried }));
        },
      },
    };
    await using caller = await openSite(framework, pages, { pin: { forMs: 0 } });
    return (await send(caller, 'POST /orders', { 'x-text': text })).body;
  }

  it('reads what its caller has written', async () => {
    expect(await throughBoth(true)).toEqual({ count: 1, from: 'primary pin' });
  });

  it('misses it where the caller passes nothing on, or it trusts another secret', async () => {
    await standStill(cluster);
    expect(await throughBoth(false)).toEqual({ count: 0, from: 'replica method' });
    const stranger = { secret: 'a secret of somebody else, and long enough' };
    expect(await throughBoth(true, stranger)).toEqual({ count: 0, from: 'replica method' });
  });
});
