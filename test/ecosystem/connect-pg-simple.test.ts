import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { ReplicatedPool } from '@node-replicated/pg';
import connectPgSimple, { type PGStore } from 'connect-pg-simple';
import type { ErrorRequestHandler, Express, RequestHandler } from 'express';
import session from 'express-session';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen, type Site } from '../integration/listening.js';
import { duringGet, eventually, heard, numberOn, where, within } from '../integration/stage.js';
import { whileReplicasLag } from './lagging.js';
import { stageLibrary } from './stage.js';
import { Visitor } from './visitor.js';

declare module 'express-session' {
  interface SessionData {
    user: string;
  }
}

interface SessionsExample {
  readonly pool: ReplicatedPool;
  readonly store: PGStore;
  readonly app: Express;
}

const stage = stageLibrary<SessionsExample>('connect-pg-simple');

const compiled = (name: string): string =>
  pathToFileURL(join(import.meta.dirname, `.examples/connect-pg-simple/out/${name}.js`)).href;

const signIn: RequestHandler = (req, res) => {
  req.session.user = 'ann';
  res.json('hello');
};

/** Says who is signed in, and where a page reads. */
const who: RequestHandler = async (req, res) => {
  const place = await where(stage.example.pool);
  res.json({ user: req.session.user, ...place, nodes: req.replication.nodes });
};

const sorry: ErrorRequestHandler = (_error, _req, res, _next) => {
  res.status(500).json('sorry');
};

/** The routes of an application in which signing in is a GET. */
function addRoutes(app: Express): void {
  app.get('/in', signIn);
  app.post('/in', signIn);
  app.get('/who', who);
  app.get('/in-saved', (req, res, next) => {
    req.session.user = 'ann';
    req.session.save((error) => (error === null ? res.json('hello') : next(error)));
  });
  app.get('/out', (req, res, next) => {
    req.session.destroy((error) => (error === null ? res.json('bye') : next(error)));
  });
  app.use(sorry);
}

const storedUntil = (): Promise<number> =>
  numberOn(stage.cluster.primary, 'SELECT max(extract(epoch FROM expire)) AS n FROM session');

let site: Site;
let primaryApp: Express;
beforeAll(async () => {
  const { app, store, pool } = stage.example;
  ({ primaryApp } = (await import(compiled('sessions-on-primary'))) as { primaryApp: Express });
  for (const each of [app, primaryApp]) addRoutes(each);
  site = await listen(app);
  // The table is created before the replicas are stopped.
  await promisify((done: (error: unknown) => void) => store.get('nobody', done))();
  await eventually('every node is up', () => pool.status().nodes.every(({ state }) => state === 'up'));
});
afterAll(() => site?.[Symbol.asyncDispose]());

describe('a session', () => {
  it.each(['get', 'post'] as const)(
    'that a %s has begun is there in the next GET, although no replica has it',
    (way) =>
      whileReplicasLag(stage.cluster, async () => {
        const ann = new Visitor(site);
        expect((await ann[way]('/in')).cookies).toEqual(['connect.sid', 'replication_pin']);
        expect((await ann.get('/who')).body).toMatchObject({ user: 'ann', standby: false });
      }),
  );

  it('that is saved before the answer is there in the next GET', () =>
    whileReplicasLag(stage.cluster, async () => {
      const ann = new Visitor(site);
      expect((await ann.get('/in-saved')).cookies).toContain('replication_pin');
      expect((await ann.get('/who')).body).toMatchObject({ user: 'ann', standby: false });
    }));

  it('is looked up on a replica by who is not pinned, and pins nobody', async () => {
    const ann = new Visitor(site);
    await ann.get('/in');
    await stage.cluster.waitForCatchUp();
    ann.setCookie('replication_pin', undefined);
    const { body, cookies } = await ann.get('/who');
    expect(body).toMatchObject({ user: 'ann', standby: true, nodes: [{ role: 'replica' }] });
    expect(cookies).toEqual([]);
  });

  it('is never written late', async () => {
    const late = await heard('late-write', async () => {
      const ann = new Visitor(site);
      for (const path of ['/in', '/who', '/out']) await ann.get(path);
    });
    expect(late).toEqual([]);
  });

  it('that was destroyed is gone in the next GET, although the replicas still have it', async () => {
    const ann = new Visitor(site);
    await ann.get('/in');
    await whileReplicasLag(stage.cluster, async () => {
      await ann.get('/out');
      expect((await ann.get('/who')).body).not.toHaveProperty('user');
    });
  });

  it('that cannot be looked up is an error of that request alone', async () => {
    const { primary } = stage.cluster;
    const ann = new Visitor(site);
    await ann.get('/in');
    await primary.query('ALTER TABLE session RENAME TO mislaid');
    expect(await ann.get('/who')).toMatchObject({ status: 500, body: 'sorry' });
    await primary.query('ALTER TABLE mislaid RENAME TO session');
    expect(await ann.get('/who')).toMatchObject({ status: 200, body: { user: 'ann' } });
  });
});

describe('sessions that are removed when they have expired', () => {
  const expired = (): Promise<number> =>
    numberOn(
      stage.cluster.primary,
      "SELECT count(*) AS n FROM session WHERE expire < now() - interval '1 hour'",
    );

  it('are removed on the primary', async () => {
    const { primary } = stage.cluster;
    await primary.query("INSERT INTO session VALUES ('old', '{}', now() - interval '2 hours')");
    expect(await expired()).toBe(1);
    await promisify((done: (error: unknown) => void) => stage.example.store.pruneSessions(done))();
    expect(await expired()).toBe(0);
  });

  it('are removed by the timer of a request, on the primary', async () => {
    const { pool } = stage.example;
    const timing = { pruneSessionInterval: 1, pruneSessionRandomizedInterval: false } as const;
    const store = new (connectPgSimple(session))({ pool, ...timing });
    await stage.cluster.primary.query("INSERT INTO session VALUES ('old', '{}', now() - interval '2 hours')");
    const look = (done: (error: unknown) => void) => store.get('nobody', done);
    await duringGet(() => promisify(look)());
    await eventually('the old one is gone', async () => (await expired()) === 0);
    await store.close();
  });

  it('keep no process alive', async () => {
    const program = `
      const { pool, store } = await import('${compiled('connect-pg-simple')}');
      await new Promise((done, failed) => store.get('nobody', (error) => error ? failed(error) : done()));
      await pool.end();`;
    const { url, replicaUrls } = stage.cluster;
    const env = { ...process.env, DATABASE_URL: url, DATABASE_REPLICA_URLS: replicaUrls.join(',') };
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      env,
      stdio: 'inherit',
    });
    try {
      expect(await within(30_000, 'the end of the process', once(child, 'exit'))).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

describe('with session() before replicationMiddleware()', () => {
  let other: Site;
  beforeAll(async () => {
    other = await listen(primaryApp);
  });
  afterAll(() => other?.[Symbol.asyncDispose]());

  it.each(['get', 'post'] as const)(
    'a session that a %s has begun is there in the next GET, although no replica has it, and pins nobody',
    (way) =>
      whileReplicasLag(stage.cluster, async () => {
        const ann = new Visitor(other);
        expect((await ann[way]('/in')).cookies).toEqual(['connect.sid']);
        expect((await ann.get('/who')).body).toMatchObject({ user: 'ann' });
      }),
  );

  it('the pages of a GET go on to come from a replica', async () => {
    const ann = new Visitor(other);
    await ann.get('/in');
    expect((await ann.get('/who')).body).toMatchObject({ user: 'ann', standby: true });
  });

  it('a session is told of as written late', async () => {
    const late = await heard('late-write', () => new Visitor(other).get('/in'));
    expect(late).toMatchObject([{ request: 'GET /in' }]);
  });

  it('it is touched on the primary by a GET that does not change it', async () => {
    const ann = new Visitor(other);
    await ann.get('/in');
    await stage.cluster.primary.query("UPDATE session SET expire = now() + interval '1 minute'");
    const before = await storedUntil();
    await ann.get('/who');
    await eventually('it lasts longer', async () => (await storedUntil()) > before + 60);
  });
});

it('close() leaves the pool alone', async () => {
  const { store, pool } = stage.example;
  await store.close();
  expect(pool.ending).toBe(false);
  expect(await where(pool)).toMatchObject({ standby: false });
});

it('while there is no primary, a session is found where it is looked up on replicas, and there alone', async () => {
  await using other = await listen(primaryApp);
  const ann = new Visitor(site);
  await ann.get('/in');
  await stage.cluster.waitForCatchUp();
  await stage.cluster.primary.kill();
  const there = new Visitor(other);
  there.setCookie('connect.sid', ann.cookie('connect.sid'));
  ann.setCookie('replication_pin', undefined);
  expect((await ann.get('/who')).body).toMatchObject({ user: 'ann', standby: true });
  expect(await there.get('/who')).toMatchObject({ status: 500, body: 'sorry' });
});
