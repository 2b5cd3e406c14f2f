import { runWithReplication, usePrimary } from '@node-replicated/core';
import { replicationMiddleware } from '@node-replicated/express';
import type { ReplicatedPool } from '@node-replicated/pg';
import express, { type Express, type RequestHandler } from 'express';
import { RateLimiterPostgres } from 'rate-limiter-flexible';
import { describe, expect, it } from 'vitest';
import { listen } from '../integration/listening.js';
import { during, duringGet, failureOf, numberOn, request, where } from '../integration/stage.js';
import { whileReplicasLag } from './lagging.js';
import { stageLibrary } from './stage.js';
import { Visitor } from './visitor.js';

interface LimiterExample {
  readonly pool: ReplicatedPool;
  readonly limiter: RateLimiterPostgres;
  readonly limit: RequestHandler;
  readonly app: Express;
}

const stage = stageLibrary<LimiterExample>('rate-limiter-flexible');

const page: RequestHandler = async (_req, res) => {
  res.json(await where(stage.example.pool));
};

describe('consume()', () => {
  it.each(['GET', 'POST'])('writes in a %s on the primary, which counts', async (method) => {
    const scope = request(method);
    await during(scope, () => stage.example.limiter.consume(method));
    expect(scope.session.wrote()).toBe(true);
    const sql = `SELECT points AS n FROM limits WHERE key = 'rlflx:${method}'`;
    expect(await numberOn(stage.cluster.primary, sql)).toBe(1);
  });

  it('lets as many of many GETs pass as it should, although replicas lag', async () => {
    const answers = await whileReplicasLag(stage.cluster, () =>
      Promise.allSettled(
        Array.from({ length: 25 }, () => duringGet(() => stage.example.limiter.consume('crowd'))),
      ),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  });

  it('in a session of its own does not count for its request', async () => {
    const scope = request('GET');
    await during(scope, async () => {
      await runWithReplication({ role: 'primary' }, () => stage.example.limiter.consume('aside'));
      expect(await where(stage.example.pool)).toMatchObject({ standby: true });
    });
    expect(scope.session.wrote()).toBe(false);
  });

  it('that fails is an error of that call alone', async () => {
    const { primary } = stage.cluster;
    const consume = () => duringGet(() => stage.example.limiter.consume('broken'));
    await primary.query('ALTER TABLE limits RENAME TO mislaid');
    expect(await failureOf(consume())).toMatchObject({ code: '42P01' });
    await primary.query('ALTER TABLE mislaid RENAME TO limits');
    expect(await consume()).toMatchObject({ consumedPoints: 1 });
  });
});

it('get() in a GET comes from a replica, and inside usePrimary from the primary', async () => {
  const { limiter } = stage.example;
  await whileReplicasLag(stage.cluster, async () => {
    await duringGet(() => limiter.consume('asked'));
    expect(await duringGet(() => limiter.get('asked'))).toBeNull();
    const current = duringGet(() => usePrimary(() => limiter.get('asked')));
    expect(await current).toMatchObject({ consumedPoints: 1 });
  });
});

describe('a site', () => {
  const visit = async (app: Express): Promise<Awaited<ReturnType<Visitor['get']>>[]> => {
    await stage.example.limiter.delete('127.0.0.1');
    await using site = await listen(app);
    const visitor = new Visitor(site);
    const answers = [];
    for (let visits = 0; visits < 11; visits += 1) answers.push(await visitor.get('/page'));
    return answers;
  };

  it('that limits before replicationMiddleware() pins nobody, and reads from replicas', async () => {
    stage.example.app.get('/page', page);
    const answers = await visit(stage.example.app);
    const last = answers.pop();
    expect(answers).toEqual(Array(10).fill(expect.objectContaining({ status: 200, cookies: [] })));
    expect(answers.map(({ body }) => body)).toEqual(
      Array(10).fill(expect.objectContaining({ standby: true })),
    );
    expect(last).toMatchObject({ status: 429, cookies: [] });
  });

  it('that limits after it pins each visitor, and reads from the primary', async () => {
    const app = express();
    app.use(replicationMiddleware(), stage.example.limit);
    app.get('/page', page);
    const [first] = await visit(app);
    expect(first).toMatchObject({ cookies: ['replication_pin'], body: { standby: false } });
  });
});

it('without storeType it refuses the pool', () => {
  expect(() => new RateLimiterPostgres({ storeClient: stage.example.pool, points: 1, duration: 1 })).toThrow(
    'storeType is not defined',
  );
});
