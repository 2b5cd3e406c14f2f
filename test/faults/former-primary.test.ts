import { exportPin, runWithPin } from '@node-replicated/core';
import { expect, test, vi } from 'vitest';
import {
  config,
  connectTo,
  duringGet,
  duringPost,
  eventually,
  failureOf,
  heard,
  numberOn,
  within,
} from '../integration/stage.js';
import {
  commitAlone,
  duringFailover,
  expectFollowed,
  heir,
  impatient,
  insertStray,
  old,
  other,
  pool,
  stageFailovers,
  strays,
  succeed,
} from './failover-stage.js';
import type { Verdict } from './load.js';

vi.setConfig({ testTimeout: 90_000 });

stageFailovers();

test('a promotion while the old primary still lives fences it, and this is told', async (context) => {
  let verdict: Verdict | undefined;
  const fenced = await heard('primary-fenced', async () => {
    verdict = await duringFailover(context, async (load) => {
      // What it acknowledges from here on, nobody has who follows another.
      await old.cut('refuse');
      await eventually('it is given up', () => pool.status().readOnly);
      await succeed();
      await old.heal();
      await eventually('it is fenced', () => pool.status().fenced.includes('primary'));
      await load.isWritten();
    });
  });
  if (verdict !== undefined) expectFollowed(verdict);
  expect(fenced[0]).toEqual({ cluster: 'main', node: 'primary', timeline: 1, newest: 2 });
  expect(pool.status()).toMatchObject({ primary: heir.name, splitBrain: [], fenced: ['primary'] });
});

test('an old primary that comes back alone is fenced: it is neither written to nor read from', async (context) => {
  const own = await impatient();
  const verdict = await duringFailover(context, async (load) => {
    await old.kill();
    await succeed();
    await eventually('the heir is followed', () => own.status().primary === heir.name);
    await load.isWritten();
    await Promise.all([heir.kill(), other.kill()]);
    await eventually('it is lost', () => own.status().readOnly);
    await old.restart();
    await commitAlone(old);
    await eventually('it is fenced', () => own.status().fenced.includes(old.name));
    expect(await failureOf(own.query(insertStray(2)))).toMatchObject({ code: 'ERR_NO_PRIMARY' });
    expect(await failureOf(duringGet(() => own.query('SELECT 1')))).toMatchObject({ code: 'ERR_NO_NODE' });
    expect(await numberOn(old, strays(2))).toBe(0);
    await Promise.all([heir.restart(), other.restart()]);
    await eventually('the heir is followed', () => own.status().primary === heir.name);
    await load.isWritten();
  });
  expectFollowed(verdict);
  expect(pool.status().fenced).toEqual([old.name]);
  await own.end();
});

test('two primaries on one timeline: nothing is written, reads go on, and it ends when one of them is gone', async (context) => {
  const own = await impatient();
  const verdict = await duringFailover(context, async (load) => {
    // Whichever is promoted first may be written to. The other one waits for a standby, so nothing is lost with it.
    await commitAlone(heir);
    await old.kill();
    const events = await heard(
      'split-brain',
      async () => {
        await Promise.all([heir.promote(), other.promote()]);
        await eventually('it is noticed', () => own.status().splitBrain.length === 2);
      },
      'impatient',
    );
    expect(events).toEqual([{ cluster: 'impatient', nodes: [heir.name, other.name] }]);
    expect((await duringGet(() => own.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
    expect(await failureOf(own.query(insertStray(1)))).toMatchObject({ code: 'ERR_SPLIT_BRAIN' });
    await other.kill();
    await eventually('it has ended', () => own.status().primary === heir.name);
    await load.isWritten();
  });
  expectFollowed(verdict);
  expect(await numberOn(heir, strays(1))).toBe(0);
  await own.end();
});

test('while two nodes say that they are the primary, nobody is served by one that may lack what they have written', async () => {
  const own = await impatient();
  await heir.kill();
  await own.query(insertStray(4));
  const token = await duringPost(async () => {
    await own.query(insertStray(4));
    return exportPin();
  });
  await old.kill();
  await heir.restart();
  await other.promote();
  await eventually('it is followed', () => own.status().primary === other.name);
  await heir.promote();
  await eventually('the split brain is noticed', () => own.status().splitBrain.length === 2);
  expect(await numberOn(heir, strays(4))).toBe(0);
  const read = runWithPin(token, { config }, () => own.query(strays(4)));
  expect(await failureOf(read)).toMatchObject({ code: 'ERR_SPLIT_BRAIN' });
  expect((await duringGet(() => own.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
  await heir.kill();
  const { rows } = await runWithPin(token, { config }, () => own.query(strays(4)));
  expect(Number(rows[0].n)).toBe(2);
  await own.end();
});

test('a write that is under way on the old primary when there is another one is ERR_OUTCOME_UNKNOWN, whatever the old one says later', async () => {
  const lock = await connectTo(old.directUrl);
  await lock.query('BEGIN; LOCK TABLE stray IN EXCLUSIVE MODE');
  const failure = failureOf(pool.query(insertStray(3)));
  await eventually(
    'it waits for the lock',
    async () =>
      (await numberOn(
        old,
        "SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND relation = 'stray'::regclass",
      )) === 1,
  );
  await succeed();
  await commitAlone(old);
  expect(await within(30_000, 'the end of the write', failure)).toMatchObject({
    code: 'ERR_OUTCOME_UNKNOWN',
  });
  expect(pool.status().primary).toBe(heir.name);
  await lock.query('COMMIT');
  await lock.end();
  expect(await numberOn(heir, strays(3))).toBe(0);
});
