import { runWithReplication, usePrimary } from '@node-replicated/core';
import type { ReplicatedPool } from '@node-replicated/pg';
import type { Runner, Task, TaskList, WorkerUtils } from 'graphile-worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  during,
  duringGet,
  eventually,
  failureOf,
  insert,
  inUse,
  numberOn,
  request,
  where,
} from '../integration/stage.js';
import { inTransaction } from './in-transaction.js';
import { refusedBody, stageLibrary } from './stage.js';

interface WorkerExample {
  readonly pool: ReplicatedPool;
  readonly worker: WorkerUtils;
  readonly start: (taskList: TaskList) => Promise<Runner>;
}

const stage = stageLibrary<WorkerExample>('graphile-worker');

/** Tasks write where they are into notes, under the name that their payload says. */
const noteIs = (payload: unknown): string => String(Reflect.get(Object(payload), 'note'));
const read: Task = async (payload, { query }) => {
  const place = await runWithReplication({ role: 'replica' }, () => where(stage.example.pool));
  const forced = await runWithReplication({ role: 'replica' }, () =>
    usePrimary(() => where(stage.example.pool)),
  );
  await query(insert(`${noteIs(payload)}: ${place.standby}, ${forced.standby}`));
};
const taskList: TaskList = {
  note: async (payload, { query }) => {
    await query(insert(noteIs(payload)));
  },
  read,
  fail: async (payload, { withPgClient }) => {
    await withPgClient(async (client) => {
      await client.query('BEGIN');
      try {
        await client.query(insert(noteIs(payload)));
        await client.query(insert(refusedBody));
      } finally {
        await client.query('ROLLBACK');
      }
    });
  },
};

const noted = async (note: string, node = stage.cluster.primary): Promise<boolean> =>
  (await numberOn(node, `SELECT count(*) AS n FROM notes WHERE body = '${note}'`)) === 1;
const jobs = (): Promise<number> =>
  numberOn(stage.cluster.primary, 'SELECT count(*) AS n FROM graphile_worker.jobs');

let runner: Runner;
beforeAll(async () => {
  runner = await stage.example.start(taskList);
  const listeners =
    "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'idle' AND query LIKE 'LISTEN%'";
  await eventually('it listens', async () => (await numberOn(stage.cluster.primary, listeners)) === 1);
});
afterAll(() => stage.example.worker.release());

describe('a job', () => {
  it('that a GET sends is written on the primary, which counts, and is worked on there', async () => {
    const scope = request('GET');
    await during(scope, () => stage.example.worker.addJob('note', { note: 'sent' }));
    expect(scope.session.wrote()).toBe(true);
    await eventually('it was worked on', () => noted('sent'));
  });

  it('that a GET sends by a SELECT of its own is written on the primary', async () => {
    const scope = request('GET');
    const sql = 'SELECT graphile_worker.add_job(\'note\', \'{"note": "selected"}\')';
    await during(scope, () => stage.example.pool.query(sql));
    expect(scope.session.wrote()).toBe(true);
    await eventually('it was worked on', () => noted('selected'));
  });

  it('is sent with the transaction of a GET, and not before', async () => {
    await duringGet(() =>
      inTransaction(stage.example.pool, async (client) => {
        await client.query('SELECT graphile_worker.add_job(\'note\', \'{"note": "in time"}\')');
        expect(await jobs()).toBe(0);
      }),
    );
    await eventually('it was worked on', () => noted('in time'));
  });

  it('is not sent by a transaction that is undone', async () => {
    const refused = duringGet(() =>
      inTransaction(stage.example.pool, async (client) => {
        await client.query('SELECT graphile_worker.add_job(\'note\', \'{"note": "never"}\')');
        await client.query(insert(refusedBody));
      }),
    );
    expect(await failureOf(refused)).toMatchObject({ code: '23514' });
    expect(await jobs()).toBe(0);
    expect(await noted('never')).toBe(false);
  });

  it('reads from a replica where it says so, and from the primary where it says that', async () => {
    await stage.example.worker.addJob('read', { note: 'read' });
    await eventually('it was worked on', () => noted('read: true, false'));
  });

  it('that fails is undone, kept for later, and keeps no connection', async () => {
    const failed = new Promise<string>((resolve) => {
      runner.events.once('job:error', ({ error }) => resolve(String(error)));
    });
    await stage.example.worker.addJob('fail', { note: 'undone' });
    expect(await failed).toContain('notes_body_check');
    await eventually('it is kept', async () => (await jobs()) === 1);
    expect(await noted('undone')).toBe(false);
    await stage.cluster.primary.query('DELETE FROM graphile_worker._private_jobs');
  });
});

it('is told of a job on a connection of the primary', async () => {
  const told = new Promise<void>((resolve) => {
    runner.events.once('pool:listen:notification', () => resolve());
  });
  await duringGet(() => stage.example.worker.addJob('note', { note: 'told' }));
  await told;
  await eventually('it was worked on', () => noted('told'));
});

it('after the loss of the primary listens to the promoted one, and goes on', async () => {
  const { primary, replicas } = stage.cluster;
  const [first, second] = replicas;
  if (first === undefined || second === undefined) throw new Error('There are two replicas.');
  await stage.example.worker.addJob('note', { note: 'later' }, { runAt: new Date(Date.now() + 3_000) });
  await stage.cluster.waitForCatchUp();
  const listening = new Promise<void>((resolve) => {
    runner.events.once('pool:listen:error', () => runner.events.once('pool:listen:success', () => resolve()));
  });
  await primary.kill();
  await first.promote();
  await second.follow(first);
  await listening;
  await eventually('what was waiting is done on the new primary', () => noted('later', first), 40_000);
  const told = new Promise<void>((resolve) => {
    runner.events.once('pool:listen:notification', () => resolve());
  });
  await duringGet(() => stage.example.worker.addJob('note', { note: 'afterwards' }));
  await told;
  await eventually('it was worked on', () => noted('afterwards', first));
  expect(await numberOn(first, "SELECT port AS n FROM notes WHERE body = 'afterwards'")).toBe(
    first.serverPort,
  );
}, 90_000);

it('stop() gives all connections back, and leaves the pool alone', async () => {
  const { pool } = stage.example;
  await runner.stop();
  await eventually('they are back', () => inUse(pool) === 0);
  expect(pool.ending).toBe(false);
  expect(await where(pool)).toMatchObject({ standby: false });
});
