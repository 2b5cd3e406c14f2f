import { currentReplication, exportPin, runWithPin, runWithReplication } from '@node-replicated/core';
import type { ReplicatedPool } from '@node-replicated/pg';
import type { PoolClient } from 'pg';
import type PgBoss from 'pg-boss';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  config,
  during,
  duringGet,
  duringPost,
  eventually,
  failureOf,
  insert,
  numberOn,
  type Place,
  request,
  where,
} from '../integration/stage.js';
import { inTransaction } from './in-transaction.js';
import { whileReplicasLag } from './lagging.js';
import { refusedBody, stageLibrary } from './stage.js';

const stage = stageLibrary<{ readonly pool: ReplicatedPool; readonly boss: PgBoss }>('pg-boss');

/** Each test has a queue of its own. */
let queue = '';
let made = 0;
beforeEach(async () => {
  made += 1;
  queue = `queue_${made}`;
  await stage.example.boss.createQueue(queue);
});
afterEach(() => stage.example.boss.offWork(queue));

const stored = (): Promise<number> =>
  numberOn(stage.cluster.primary, `SELECT count(*) AS n FROM pgboss.job WHERE name = '${queue}'`);

const isState = async (state: string): Promise<boolean> =>
  (await numberOn(
    stage.cluster.primary,
    `SELECT count(*) AS n FROM pgboss.job WHERE name = '${queue}' AND state = '${state}'`,
  )) === 1;

/** Works on the next job of the queue, and gives what its handler does. */
const handled = <T>(handle: (data: object) => Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const work = async ([job]: PgBoss.Job<object>[]): Promise<void> => {
      const result = handle(job?.data ?? {});
      result.then(resolve, reject);
      await result;
    };
    stage.example.boss.work(queue, { pollingIntervalSeconds: 0.5 }, work).catch(reject);
  });

describe('send()', () => {
  it.each(['GET', 'POST'])('writes in a %s on the primary, which counts', async (method) => {
    const scope = request(method);
    const id = await during(scope, () => stage.example.boss.send(queue, {}));
    expect(id).toEqual(expect.any(String));
    expect(scope.session.wrote()).toBe(true);
    expect(await stored()).toBe(1);
  });

  const sendOn = (client: PoolClient): Promise<string | null> => {
    const db = { executeSql: (text: string, values: unknown[]) => client.query(text, values) };
    return stage.example.boss.send(queue, {}, { db });
  };

  it('inside a transaction of a GET sends with it', async () => {
    await duringGet(() =>
      inTransaction(stage.example.pool, async (client) => {
        await client.query(insert('with its job'));
        await sendOn(client);
        expect(await stored()).toBe(0);
      }),
    );
    expect(await stored()).toBe(1);
  });

  it('inside a transaction that fails sends nothing', async () => {
    const refused = duringGet(() =>
      inTransaction(stage.example.pool, async (client) => {
        await sendOn(client);
        await client.query(insert(refusedBody));
      }),
    );
    expect(await failureOf(refused)).toMatchObject({ code: '23514' });
    expect(await stored()).toBe(0);
  });
});

it('what it is asked in a GET comes from a replica, and in a GET that has sent from the primary', async () => {
  const { boss } = stage.example;
  await whileReplicasLag(stage.cluster, async () => {
    await duringPost(() => boss.send(queue, {}));
    expect(await duringGet(() => boss.getQueueSize(queue))).toBe(0);
    expect(await duringPost(() => boss.getQueueSize(queue))).toBe(1);
    const size = duringGet(async () => {
      await boss.send(queue, {});
      return boss.getQueueSize(queue);
    });
    expect(await size).toBe(2);
  });
});

describe('a handler', () => {
  it('works on the primary', async () => {
    await duringGet(() => stage.example.boss.send(queue, {}));
    expect(await handled(() => where(stage.example.pool))).toMatchObject({ standby: false });
    await eventually('the job is completed', () => isState('completed'));
  });

  it('belongs to no request, unless work() was called in one', async () => {
    const { boss } = stage.example;
    const reason = () => handled(async () => currentReplication().reason);
    await boss.send(queue, {});
    expect(await reason()).toBe('outside');
    await boss.offWork(queue);
    await boss.send(queue, {});
    expect(await duringGet(reason)).toBe('own-write');
  });

  it('reads from a replica where it says so', async () => {
    await duringGet(() => stage.example.boss.send(queue, {}));
    const read = (): Promise<Place> =>
      runWithReplication({ role: 'replica' }, () => where(stage.example.pool));
    expect(await handled(read)).toMatchObject({ standby: true });
  });

  it('that is handed the pin of its sender sees what that one has written, whatever the lag', async () => {
    const { boss, pool } = stage.example;
    const counted = async (): Promise<number> => {
      const { rows } = await pool.query("SELECT count(*)::int AS n FROM notes WHERE body = 'for the job'");
      return rows[0].n;
    };
    await whileReplicasLag(stage.cluster, async () => {
      await duringPost(async () => {
        await pool.query(insert('for the job'));
        await boss.send(queue, { pin: await exportPin() });
      });
      const seen = handled(async (data) => {
        const without = await runWithReplication({ role: 'replica' }, counted);
        const token = String(Reflect.get(data, 'pin'));
        return [without, await runWithPin(token, { config }, counted)];
      });
      expect(await seen).toEqual([0, 1]);
    });
  });

  it('that fails fails its job alone', async () => {
    const { boss, pool } = stage.example;
    await boss.send(queue, {}, { retryLimit: 0 });
    const refused = handled(() => pool.query(insert(refusedBody)));
    expect(await failureOf(refused)).toMatchObject({ code: '23514' });
    await eventually('the job has failed', () => isState('failed'));
    await boss.send(queue, {});
    await eventually('the next one fails too', async () => (await stored()) === 2);
  });
});

it('stop() leaves the pool alone', async () => {
  const { boss, pool } = stage.example;
  await boss.stop();
  expect(pool.ending).toBe(false);
  expect(await where(pool)).toMatchObject({ standby: false });
});
