import { replicationCounts } from '@node-replicated/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { goOn, newText, notesPages, patient, returnsToReplica, shown, standStill } from './notes-sites.js';
import { cluster, pool, stagePool } from './pool-stage.js';
import { frameworks, openSite, pinCookieOf, type Reply, type Site, send } from './sites.js';

const settings = { tokenHeader: true, cookie: false, pin: { forMs: 0 } } as const;

stagePool({ options: patient });

afterEach(() => goOn(cluster));

describe.for(frameworks)('a client of %s that keeps no cookies', (framework) => {
  let text: string;
  beforeEach(() => {
    text = newText();
  });

  const write = (site: Site, headers = {}): Promise<Reply> =>
    send(site, 'POST /notes', { 'x-text': text, ...headers });
  const read = async (site: Site, headers = {}): Promise<unknown> =>
    shown(await send(site, 'GET /notes', { 'x-text': text, ...headers }));

  it('sees its own write with the token that came with the answer, and misses it without', async () => {
    await using site = await openSite(
      framework,
      notesPages(() => pool),
      settings,
    );
    await standStill(cluster);
    const { headers } = await write(site);
    expect(headers.getSetCookie()).toEqual([]);
    const token = headers.get('replication-token') ?? '';
    expect(await read(site, { 'Replication-Token': token })).toEqual({ count: 1, from: 'primary pin' });
    expect(await read(site)).toEqual({ count: 0, from: 'replica method' });
    await goOn(cluster);
    await returnsToReplica(() => read(site, { 'Replication-Token': token }), 1);
  });

  it('is given no token for what it only reads', async () => {
    await using site = await openSite(
      framework,
      notesPages(() => pool),
      settings,
    );
    const { headers } = await send(site, 'GET /notes', { 'x-text': text });
    expect(headers.has('replication-token')).toBe(false);
  });

  it('gains nothing by a token that it has changed, of which every one is counted', async () => {
    await using site = await openSite(
      framework,
      notesPages(() => pool),
      settings,
    );
    await standStill(cluster);
    const token = (await write(site)).headers.get('replication-token') ?? '';
    const strange = [
      ...Array.from(
        token,
        (letter, at) => token.slice(0, at) + (letter === 'x' ? 'y' : 'x') + token.slice(at + 1),
      ),
      token.slice(0, -1),
      `${token}${token}`,
      `${token}, ${token}`,
      'x'.repeat(5_000),
    ];
    const before = replicationCounts()['pin-ignored'] ?? 0;
    for (const each of strange) {
      expect(await read(site, { 'Replication-Token': each })).toEqual({ count: 0, from: 'replica method' });
    }
    expect((replicationCounts()['pin-ignored'] ?? 0) - before).toBe(strange.length);
  });

  it('who carries an old cookie and a new token is held to both', async () => {
    const both = { tokenHeader: 'X-Pin', pin: { forMs: 0 } };
    await using site = await openSite(
      framework,
      notesPages(() => pool),
      both,
    );
    const cookie = pinCookieOf(await write(site)) ?? '';
    await goOn(cluster);
    await returnsToReplica(() => read(site, { cookie }), 1);
    await standStill(cluster);
    const token = (await write(site)).headers.get('x-pin') ?? '';
    expect(await read(site, { cookie })).toEqual({ count: 1, from: 'replica caught-up' });
    expect(await read(site, { cookie, 'X-Pin': token })).toEqual({ count: 2, from: 'primary pin' });
    const united = (await write(site, { cookie, 'X-Pin': token })).headers.get('x-pin') ?? '';
    expect(await read(site, { 'X-Pin': united })).toEqual({ count: 3, from: 'primary pin' });
  });
});
