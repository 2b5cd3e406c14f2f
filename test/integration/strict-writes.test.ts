import { runWithReplication, usePrimary } from '@node-replicated/core';
import type { ReplicatedPool } from '@node-replicated/pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cluster, notes, stagePool } from './pool-stage.js';
import { during, duringGet, duringPost, failureOf, openPool, request } from './stage.js';

stagePool();

describe("onWriteInReplicaScope: 'reject'", () => {
  let strict: ReplicatedPool;
  beforeAll(async () => {
    strict = await openPool(cluster, { name: 'strict', onWriteInReplicaScope: 'reject' });
  });
  afterAll(() => strict?.end());

  it('fails a write in a GET, naming the request and the statement without its data', async () => {
    const error = await failureOf(
      duringGet(() => strict.query("INSERT INTO notes (body, port) VALUES ('Ada''s secret', 4711)")),
    );
    expect(error.code).toBe('ERR_WRITE_IN_REPLICA_SCOPE');
    expect(error.message).toContain('GET /page');
    expect(error.message).toContain('INSERT INTO notes (body, port) VALUES');
    expect(error.message).not.toMatch(/secret|4711/);
    expect(await notes("Ada''s secret")).toBe(0);
  });

  it('fails a write that only the database notices', async () => {
    const error = await failureOf(duringGet(() => strict.query("SELECT note_down('never')")));
    expect(error.code).toBe('ERR_WRITE_IN_REPLICA_SCOPE');
    expect(await notes('never')).toBe(0);
  });

  it('does not mark the request as written', async () => {
    const scope = request('GET');
    await failureOf(during(scope, () => strict.query("SELECT note_down('never')")));
    expect(scope.session.wrote()).toBe(false);
  });

  it('fails a write of a leased client too', async () => {
    const error = await failureOf(
      duringGet(async () => {
        const client = await strict.connect();
        try {
          return await client.query("SELECT note_down('never')");
        } finally {
          client.release();
        }
      }),
    );
    expect(error.code).toBe('ERR_WRITE_IN_REPLICA_SCOPE');
  });

  it('lets usePrimary and a POST write', async () => {
    await duringGet(() => usePrimary(() => strict.query("SELECT note_down('allowed')")));
    await duringPost(() => strict.query("SELECT note_down('allowed')"));
    expect(await notes('allowed')).toBe(2);
  });

  it('names a job when there is no request', async () => {
    const error = await failureOf(
      runWithReplication({ role: 'replica' }, () => strict.query("SELECT note_down('never')")),
    );
    expect(error.message).toContain('A job');
  });
});
