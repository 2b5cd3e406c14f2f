import { defineReplication } from '@node-replicated/core';
import { openRequest, type ReadOnlyAnswer, readOnlyAnswer } from '@node-replicated/core/adapter';
import { afterEach, describe, expect, it } from 'vitest';
import { cluster, stageNodes } from './nodes-stage.js';
import { duringPost, eventually, insert, openPool } from './stage.js';

const config = defineReplication({
  secret: 'the secret of these tests is long enough',
  refuseWritesWhenReadOnly: true,
});

function answerTo(method: string): ReadOnlyAnswer | undefined {
  return readOnlyAnswer(openRequest(config, { method, path: '/notes', headers: {}, secure: false }));
}

describe('with refuseWritesWhenReadOnly', () => {
  stageNodes();
  afterEach(async () => {
    if (!cluster.primary.running) await cluster.primary.restart();
    await cluster.waitForCatchUp();
  });

  it('a refused write finds a primary that is back, however seldom it is probed', async () => {
    const own = await openPool(cluster, {
      name: 'patient',
      probeIntervalMs: 600_000,
      downtimeMs: 600_000,
      failoverWaitMs: 100,
    });
    expect(answerTo('POST')).toBeUndefined();
    await cluster.primary.kill();
    await eventually('writes are refused', async () => {
      await duringPost(() => own.query(insert('in vain'))).catch(() => undefined);
      return own.status().readOnly;
    });
    expect(answerTo('POST')).toMatchObject({ status: 503, headers: { 'Retry-After': '1' } });
    expect(answerTo('GET')).toBeUndefined();
    await cluster.primary.restart();
    // Nobody but those who are refused asks for it.
    await eventually('the pool knows', () => {
      answerTo('POST');
      return !own.status().readOnly;
    });
    await duringPost(() => own.query(insert('again')));
    await own.end();
  });
});
