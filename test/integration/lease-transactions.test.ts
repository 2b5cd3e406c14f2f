import { useReplica } from '@node-replicated/core';
import { describe, expect, it } from 'vitest';
import { leased, notes, pool, stageLeases } from './pool-stage.js';
import { during, duringGet, eventually, failureOf, request, where } from './stage.js';

stageLeases();

describe('a client leased in a GET request', () => {
  it('runs BEGIN … INSERT … COMMIT on the primary', async () => {
    const scope = request('GET');
    await during(scope, () =>
      leased(async (client) => {
        await client.query('BEGIN');
        await client.query("INSERT INTO notes (body) VALUES ('transaction')");
        expect(await where(client)).toMatchObject({ standby: false, reader: false });
        await client.query('COMMIT');
      }),
    );
    expect(await notes('transaction')).toBe(1);
    expect(scope.session.wrote()).toBe(true);
  });

  it('moves to the primary for BEGIN after it has read the version', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('SELECT version()');
        expect(await where(client)).toMatchObject({ standby: true });
        await client.query('BEGIN');
        await client.query("INSERT INTO notes (body) VALUES ('after version')");
        await client.query('COMMIT');
        expect(await where(client)).toMatchObject({ standby: false, reader: false });
      }),
    );
    expect(await notes('after version')).toBe(1);
  });

  it('stays on the replica for BEGIN READ ONLY', async () => {
    const scope = request('GET');
    await during(scope, () =>
      leased(async (client) => {
        await client.query('BEGIN READ ONLY');
        expect(await where(client)).toMatchObject({ standby: true });
        await client.query('COMMIT');
        expect(await where(client)).toMatchObject({ standby: true });
      }),
    );
    expect(scope.session.wrote()).toBe(false);
  });

  it('stays on the replica for START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
        expect(await where(client)).toMatchObject({ standby: true });
        await client.query('COMMIT');
      }),
    );
  });

  it('stays on the replica for BEGIN when the role was forced', async () => {
    await duringGet(() =>
      useReplica(() =>
        leased(async (client) => {
          await client.query('BEGIN');
          expect(await where(client)).toMatchObject({ standby: true });
          await client.query('COMMIT');
        }),
      ),
    );
  });

  it('gives a hint when a forced transaction writes, and does not try it elsewhere', async () => {
    await duringGet(() =>
      useReplica(() =>
        leased(async (client) => {
          await client.query('BEGIN');
          const error = await failureOf(client.query("INSERT INTO notes (body) VALUES ('forced')"));
          expect(error).toMatchObject({ code: '25006', hint: expect.stringContaining('usePrimary()') });
          await client.query('ROLLBACK');
        }),
      ),
    );
    expect(await notes('forced')).toBe(0);
  });

  it.each(['BEGIN ISOLATION LEVEL SERIALIZABLE', 'BEGIN READ WRITE'])(
    'runs %s on the primary',
    async (sql) => {
      await duringGet(() =>
        leased(async (client) => {
          await client.query(sql);
          expect(await where(client)).toMatchObject({ standby: false });
          await client.query('COMMIT');
        }),
      );
    },
  );

  it('runs a SERIALIZABLE READ ONLY transaction, which no replica can, on the primary', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY');
        expect(await where(client)).toMatchObject({ standby: false });
        await client.query('COMMIT');
      }),
    );
  });

  it('never moves inside a transaction', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('BEGIN READ ONLY');
        const first = await where(client);
        await expect(client.query("SELECT note_down('inside')")).rejects.toMatchObject({ code: '25006' });
        await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
        await client.query('ROLLBACK');
        expect(await where(client)).toEqual(first);
      }),
    );
    expect(await notes('inside')).toBe(0);
  });
});

describe('a client leased in a POST request', () => {
  it('keeps the write open until it is released', async () => {
    const scope = request('POST');
    await during(scope, async () => {
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query("INSERT INTO notes (body) VALUES ('open')");
      const isUnsure = (): boolean => {
        const mark = scope.session.moves.get('main');
        return typeof mark === 'object' && mark.hold === 'unknown';
      };
      expect(isUnsure()).toBe(true);
      await client.query('COMMIT');
      client.release();
      await eventually('the write is over', async () => {
        await scope.session.takePositions();
        return !isUnsure();
      });
    });
  });

  it('does not count a READ ONLY transaction as written', async () => {
    const scope = request('POST');
    await during(scope, () =>
      leased(async (client) => {
        await client.query('BEGIN READ ONLY');
        await client.query('SELECT count(*) FROM notes');
        await client.query('COMMIT');
      }),
    );
    expect(scope.session.wrote()).toBe(false);
  });

  it('counts what follows a READ ONLY transaction', async () => {
    const scope = request('POST');
    await during(scope, () =>
      leased(async (client) => {
        await client.query('BEGIN READ ONLY');
        await client.query('COMMIT');
        await client.query("SELECT note_down('after read only')");
      }),
    );
    expect(scope.session.wrote()).toBe(true);
  });
});
