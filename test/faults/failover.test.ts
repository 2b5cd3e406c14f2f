import type { ReplicatedPoolOptions } from '@node-replicated/pg';
import { from as copyFrom } from 'pg-copy-streams';
import { expect, test, vi } from 'vitest';
import { eventually, numberOn } from '../integration/stage.js';
import {
  duringFailover,
  expectFollowed,
  heir,
  impatient,
  insertStray,
  old,
  other,
  pool,
  stageFailovers,
  stateOf,
  strays,
  succeed,
} from './failover-stage.js';

vi.setConfig({ testTimeout: 90_000 });

stageFailovers();

const seldomProbed: ReplicatedPoolOptions = { probeIntervalMs: 600_000, failoverWaitMs: 20_000 };

test('a promotion after the primary was killed is followed, and loses, doubles and hides no write', async (context) => {
  const verdict = await duringFailover(context, async (load) => {
    await old.kill();
    await succeed();
    await load.isWritten();
    await load.isServedBy(other);
  });
  expectFollowed(verdict);
});

test('an old primary that comes back as a replica is read from', async (context) => {
  const verdict = await duringFailover(context, async (load) => {
    await old.kill();
    await succeed();
    await load.isWritten();
    await old.follow(heir);
    await eventually('it is up', () => stateOf('primary') === 'up replica');
    await load.isServedBy(old);
  });
  expectFollowed(verdict);
  expect(pool.status().fenced).toEqual([]);
});

test('a switchover, in which the old primary stops in order, is followed', async (context) => {
  const verdict = await duringFailover(context, async (load) => {
    await old.shutdown('fast');
    await succeed();
    await old.follow(heir);
    await load.isWritten();
    await load.isServedBy(old);
  });
  expectFollowed(verdict);
});

test('a promotion is noticed by a write that the old primary rejects, long before a probe is due', async (context) => {
  const own = await impatient(seldomProbed);
  const verdict = await duringFailover(
    context,
    async (load) => {
      await own.query(insertStray(1));
      await old.query('ALTER SYSTEM SET default_transaction_read_only = on');
      await old.query('SELECT pg_reload_conf()');
      await eventually("it holds for the pool's sessions", async () => {
        const { rows } = await own.query("SELECT current_setting('default_transaction_read_only') AS value");
        return rows[0]?.value === 'on';
      });
      await succeed();
      await own.query(insertStray(2));
      await load.isWritten();
    },
    own,
  );
  // Before there was another primary, the old one's word was the answer.
  const failedWrites = verdict.failedWrites.filter((failure) => !failure.includes('25006'));
  expectFollowed({ ...verdict, failedWrites }, own);
  expect(await numberOn(heir, strays(2))).toBe(1);
  expect(await numberOn(old, strays(2))).toBe(0);
  await own.end();
});

test('a promotion is noticed by a connection that is lost, long before a probe is due', async (context) => {
  const own = await impatient(seldomProbed);
  const verdict = await duringFailover(
    context,
    async (load) => {
      await own.query(insertStray(1));
      await old.kill();
      await succeed();
      await own.query(insertStray(2));
      await load.isWritten();
    },
    own,
  );
  expectFollowed(verdict, own);
  expect(await numberOn(heir, strays(2))).toBe(1);
  await own.end();
});

test('a COPY whose connection is lost is ERR_OUTCOME_UNKNOWN, with the cause', async () => {
  const client = await pool.connect();
  client.on('error', () => undefined);
  const stream = client.query(copyFrom('COPY stray FROM STDIN'));
  const failed = new Promise<Error>((resolve) => stream.once('error', resolve));
  stream.write('1\n');
  const copying = "FROM pg_stat_activity WHERE query LIKE 'COPY stray%'";
  await eventually(
    'it is under way',
    async () => (await numberOn(old, `SELECT count(*) AS n ${copying}`)) === 1,
  );
  await old.query(`SELECT pg_terminate_backend(pid) ${copying}`);
  expect(await failed).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN', cause: { code: '57P01' } });
  client.release();
});
