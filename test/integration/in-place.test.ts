import { ReplicatedPool } from '@node-replicated/pg';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { cluster, stagePool } from './pool-stage.js';
import { duringGet, failureOf, impatient, openPool, where, within } from './stage.js';

stagePool();

describe('where pg itself is changed', () => {
  const { Pool } = pg;
  const { connect } = pg.Client.prototype;
  afterEach(() => {
    pg.Pool = Pool;
    pg.Client.prototype.connect = connect;
  });

  it('a ReplicatedPool may stand in the place of pg.Pool, for libraries that make their own', async () => {
    pg.Pool = ReplicatedPool;
    const pool = new pg.Pool({ ...impatient, connectionString: cluster.url });
    expect(await within(5_000, 'the statement', where(pool))).toMatchObject({ standby: false });
    await pool.end();
  });

  it('a connect that fails is that of the pool, not of its monitor', async () => {
    const refusal = new Error('not this one');
    let calls = 0;
    pg.Client.prototype.connect = ((callback: (error: Error) => void) => {
      calls += 1;
      process.nextTick(callback, refusal);
    }) as typeof connect;
    const pool = await openPool(cluster, { name: 'seen' });
    expect(calls).toBe(0);
    expect(await failureOf(pool.connect())).toBe(refusal);
    expect(await failureOf(duringGet(() => pool.query('SELECT 1')))).toBe(refusal);
    expect(pool.status().nodes.map(({ state }) => state)).toEqual(['up', 'up', 'up']);
    await pool.end();
  });
});
