import type { ReplicatedPool } from '@node-replicated/pg';
import type { Auth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import type { Express } from 'express';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { listen, type Site } from '../integration/listening.js';
import { numberOn, where } from '../integration/stage.js';
import { whileReplicasLag } from './lagging.js';
import { stageLibrary } from './stage.js';
import { Visitor } from './visitor.js';

interface AuthExample {
  readonly pool: ReplicatedPool;
  readonly auth: Auth;
  readonly app: Express;
}

vi.stubEnv('BETTER_AUTH_SECRET', 'a secret of these tests, which is long enough');
const stage = stageLibrary<AuthExample>('better-auth');

let site: Site;
beforeAll(async () => {
  const { auth, app } = stage.example;
  const { runMigrations } = await getMigrations(auth.options);
  await runMigrations();
  await stage.cluster.waitForCatchUp();
  site = await listen(app);
});
afterAll(() => site?.[Symbol.asyncDispose]());

const password = 'correct horse battery staple';
let people = 0;

/** Somebody new, who has signed up and is signed in. */
async function newcomer(): Promise<{ readonly visitor: Visitor; readonly email: string }> {
  people += 1;
  const email = `ann${people}@example.com`;
  const visitor = new Visitor(site);
  const answer = await visitor.post('/api/auth/sign-up/email', { name: 'Ann', email, password });
  expect(answer).toMatchObject({ status: 200, body: { user: { email } } });
  return { visitor, email };
}

const stored = (what: string): Promise<number> =>
  numberOn(stage.cluster.primary, `SELECT count(*) AS n FROM ${what}`);

describe('while replicas lag', () => {
  it('who has signed up is signed in', () =>
    whileReplicasLag(stage.cluster, async () => {
      const { visitor, email } = await newcomer();
      expect((await visitor.get('/me')).body).toMatchObject({ email, servedBy: [{ role: 'primary' }] });
      expect((await visitor.get('/api/auth/get-session')).body).toMatchObject({ user: { email } });
    }));

  it('who has signed in is signed in', async () => {
    const { email } = await newcomer();
    await whileReplicasLag(stage.cluster, async () => {
      const visitor = new Visitor(site);
      const { cookies } = await visitor.post('/api/auth/sign-in/email', { email, password });
      expect(cookies).toEqual(expect.arrayContaining(['better-auth.session_token', 'replication_pin']));
      expect((await visitor.get('/me')).body).toMatchObject({ email });
    });
  });

  it('who has signed out is signed out, also for whoever kept the session cookie', async () => {
    const { visitor } = await newcomer();
    await whileReplicasLag(stage.cluster, async () => {
      const session = visitor.cookie('better-auth.session_token');
      await visitor.post('/api/auth/sign-out');
      visitor.setCookie('better-auth.session_token', session);
      expect((await visitor.get('/me')).body).not.toHaveProperty('email');
    });
  });

  it('who has signed in and does not send the pin looks signed out', () =>
    whileReplicasLag(stage.cluster, async () => {
      const { visitor } = await newcomer();
      visitor.setCookie('replication_pin', undefined);
      const { body } = await visitor.get('/me');
      expect(body).toMatchObject({ servedBy: [{ role: 'replica' }] });
      expect(body).not.toHaveProperty('email');
    }));
});

it('a session is looked up on a replica, in a GET that pins nobody', async () => {
  const { visitor, email } = await newcomer();
  visitor.setCookie('replication_pin', undefined);
  await whileReplicasLag(stage.cluster, async () => {
    await stage.cluster.primary.query('DELETE FROM session');
    const { body, cookies } = await visitor.get('/me');
    expect(body).toMatchObject({ email, servedBy: [{ role: 'replica' }] });
    expect(cookies).toEqual([]);
  });
});

it('a session that is due is prolonged in a GET on the primary, which pins', async () => {
  const { visitor, email } = await newcomer();
  const soon = `"expiresAt" < now() + interval '5 days'`;
  await stage.cluster.primary.query(`UPDATE session SET "expiresAt" = now() + interval '1 day'`);
  await stage.cluster.waitForCatchUp();
  const before = await stored(`session WHERE ${soon}`);
  visitor.setCookie('replication_pin', undefined);
  const { body, cookies } = await visitor.get('/api/auth/get-session');
  expect(body).toMatchObject({ user: { email } });
  expect(cookies).toContain('replication_pin');
  expect(await stored(`session WHERE ${soon}`)).toBe(before - 1);
});

describe('what is refused', () => {
  it('is a wrong password, which begins no session', async () => {
    const { email } = await newcomer();
    const before = await stored('session');
    const visitor = new Visitor(site);
    const { status } = await visitor.post('/api/auth/sign-in/email', { email, password: 'wrong, all of it' });
    expect(status).toBe(401);
    expect(await stored('session')).toBe(before);
  });

  it('is an address that is taken, which leaves nothing behind', async () => {
    const { email } = await newcomer();
    const before = [await stored('account'), await stored('"user"')];
    const visitor = new Visitor(site);
    const { status } = await visitor.post('/api/auth/sign-up/email', { name: 'Ann', email, password });
    expect(status).toBe(422);
    expect([await stored('account'), await stored('"user"')]).toEqual(before);
  });

  it('is undone as a whole when the database refuses the last of it', async () => {
    const { primary } = stage.cluster;
    await primary.query('ALTER TABLE session ADD CONSTRAINT none CHECK (false) NOT VALID');
    const before = [await stored('account'), await stored('"user"')];
    const visitor = new Visitor(site);
    const body = { name: 'Ann', email: 'nobody@example.com', password };
    const { status } = await visitor.post('/api/auth/sign-up/email', body);
    await primary.query('ALTER TABLE session DROP CONSTRAINT none');
    expect(status).toBeGreaterThanOrEqual(400);
    expect([await stored('account'), await stored('"user"')]).toEqual(before);
    expect(await where(stage.example.pool)).toMatchObject({ standby: false });
  });
});
