import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import type { ReplicatedPool } from '@node-replicated/pg';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listen, type Site } from '../integration/listening.js';
import { eventually, notesSchema, openPool } from '../integration/stage.js';
import { inBrowser, noBrowser, startBrowser } from './chromium.js';
import { openSite } from './site.js';

let cluster: LocalCluster;
let pool: ReplicatedPool;
let browser: Browser;

describe.skipIf(noBrowser)(inBrowser, () => {
  beforeAll(async () => {
    browser = await startBrowser();
    cluster = await startCluster({ replicas: 2 });
    await cluster.primary.query(notesSchema);
    pool = await openPool(cluster);
  });

  beforeEach(async () => {
    await lag(0);
    await cluster.primary.query('TRUNCATE notes');
    await cluster.waitForCatchUp();
    await eventually('every node is up', () => pool.status().nodes.every(({ state }) => state === 'up'));
  });

  afterAll(async () => {
    await browser?.close();
    await pool?.end();
    await cluster?.stop();
  });

  describe.each(['express', 'fastify'] as const)('%s, with replicas that lag', (framework) => {
    test('who sends a form sees the note on the page that follows, and on every later one', async () => {
      await using site = await openSite(framework, pool, { forMs: 0 });
      await using ann = await person(site);
      await lag(3_000);
      await ann.send('tea');
      expect(await ann.notes()).toEqual(['tea']);
      await ann.page.reload();
      expect(await ann.notes()).toEqual(['tea']);
      expect(await ann.reason()).toBe('pin');
      const tab = await ann.context.newPage();
      await tab.goto(site.url);
      expect(await notesOn(tab)).toEqual(['tea']);
    });

    test('somebody else sees the old page, from a replica', async () => {
      await using site = await openSite(framework, pool, { forMs: 0 });
      await using ann = await person(site);
      await lag(3_000);
      await ann.send('tea');
      await using bob = await person(site);
      expect(await bob.notes()).toEqual([]);
      expect(await bob.reason()).toBe('method');
    });

    test('who came back later reads from a replica that has caught up', async () => {
      await using site = await openSite(framework, pool, { forMs: 0 });
      await using ann = await person(site);
      await ann.send('tea');
      await cluster.waitForCatchUp();
      // One that is thought to lag still is not asked before it is due.
      await eventually('a replica that has caught up serves the page', async () => {
        await ann.page.reload();
        expect(await ann.notes()).toEqual(['tea']);
        return (await ann.reason()) === 'caught-up';
      });
    });

    test('two tabs that send at the same time both show both notes', async () => {
      await using site = await openSite(framework, pool, { forMs: 0 });
      await using ann = await person(site);
      const tab = await ann.context.newPage();
      await tab.goto(site.url);
      await lag(3_000);
      await Promise.all([send(ann.page, 'milk'), send(tab, 'tea')]);
      for (const page of [ann.page, tab]) {
        await page.reload();
        expect(await notesOn(page)).toEqual(['milk', 'tea']);
      }
    });

    test('who follows a link on another site sees their note', async () => {
      await using site = await openSite(framework, pool, { forMs: 0 });
      await using ann = await person(site);
      await lag(3_000);
      await ann.send('tea');
      await using elsewhere = await linkTo(site.url);
      await ann.page.goto(elsewhere.url);
      await ann.page.click('a');
      expect(await ann.notes()).toEqual(['tea']);
    });

    test('a script that sends and then reads sees its note', async () => {
      await using site = await openSite(framework, pool, { forMs: 0 });
      await using ann = await person(site);
      await lag(3_000);
      const shown = await ann.page.evaluate(async () => {
        await fetch('/notes', { method: 'POST', body: new URLSearchParams({ body: 'tea' }) });
        return (await fetch('/')).text();
      });
      expect(shown).toContain('<li>tea</li>');
    });

    test('no script can read the pin, which is small, and Lax', async () => {
      await using site = await openSite(framework, pool, { forMs: 0 });
      await using ann = await person(site);
      await ann.send('tea');
      expect(await ann.page.evaluate('document.cookie')).toBe('');
      const [pin, ...others] = await ann.context.cookies();
      expect(others).toEqual([]);
      expect(pin).toMatchObject({ name: 'replication_pin', httpOnly: true, sameSite: 'Lax', path: '/' });
      expect(pin?.value.length).toBeLessThanOrEqual(200);
    });

    test('without pins the note is missed, so these tests can fail', async () => {
      await using site = await openSite(framework, pool, false);
      await using ann = await person(site);
      await lag(3_000);
      await ann.send('tea');
      expect(await ann.notes()).toEqual([]);
    });
  });
});

interface Person extends AsyncDisposable {
  readonly context: BrowserContext;
  readonly page: Page;
  send(body: string): Promise<void>;
  notes(): Promise<readonly string[]>;
  reason(): Promise<string | null>;
}

/** Somebody whose browser keeps cookies of its own, and has opened the site. */
async function person({ url }: Site): Promise<Person> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(url);
  return {
    context,
    page,
    send: (body) => send(page, body),
    notes: () => notesOn(page),
    reason: () => page.textContent('#reason'),
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** Sends the form, and waits for the page that its answer leads to. */
async function send(page: Page, body: string): Promise<void> {
  await page.fill('input', body);
  await Promise.all([page.waitForEvent('load'), page.click('button')]);
}

function notesOn(page: Page): Promise<readonly string[]> {
  return page.locator('li').allTextContents();
}

async function lag(ms: number): Promise<void> {
  await Promise.all(cluster.replicas.map((replica) => replica.setLag(ms)));
}

/** A page of another site with a link. To browsers, `localhost` and `127.0.0.1` are two sites. */
async function linkTo(url: string): Promise<Site> {
  const site = await listen((_req, res) => {
    res.setHeader('Content-Type', 'text/html').end(`<!doctype html><a href="${url}">Notes</a>`);
  });
  return { ...site, url: site.url.replace('127.0.0.1', 'localhost') };
}
