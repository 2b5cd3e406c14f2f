import { usePrimary } from '@node-replicated/core';
import { describe, expect, it } from 'vitest';
import { cluster, leased, notes, pool, stageLeases } from './pool-stage.js';
import { during, duringGet, duringPost, heard, inUse, request, where } from './stage.js';

stageLeases();

describe('a client leased in a GET request', () => {
  it('reads from one replica', async () => {
    const scope = request('GET');
    await during(scope, () =>
      leased(async (client) => {
        const first = await where(client);
        expect(first).toMatchObject({ standby: true, reader: true });
        expect(await where(client)).toEqual(first);
        expect(await where(pool)).toEqual(first);
      }),
    );
    expect(scope.session.wrote()).toBe(false);
  });

  it('keeps what SET has set for its later reads', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query("SET application_name = 'kept'");
        const { rows } = await client.query("SELECT current_setting('application_name') AS name");
        expect(rows).toEqual([{ name: 'kept' }]);
        await client.query('RESET application_name');
      }),
    );
  });

  it('keeps what set_config has set when it moves to the primary', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query("SELECT set_config('app.user', $1, false)", ['Ada']);
        await client.query("INSERT INTO notes (body) VALUES (current_setting('app.user', true))");
        await client.query("SELECT set_config('app.user', '', false)");
      }),
    );
    expect(await notes('Ada')).toBe(1);
  });

  it('keeps a prepared statement', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('PREPARE twice AS SELECT $1::int * 2 AS n');
        expect((await client.query('EXECUTE twice(4)')).rows).toEqual([{ n: 8 }]);
        await client.query('DEALLOCATE twice');
      }),
    );
  });

  it('moves for a lone statement that writes, and runs it once', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('SELECT 1');
        const { rows } = await client.query("SELECT note_down('lone') AS port");
        expect(rows).toEqual([{ port: cluster.primary.serverPort }]);
        expect(await where(client)).toMatchObject({ standby: false, reader: false });
      }),
    );
    expect(await notes('lone')).toBe(1);
  });

  it('moves at most once and never back', async () => {
    const events = await heard('statement', () =>
      duringGet(() =>
        leased(async (client) => {
          for (let i = 0; i < 3; i++) {
            await client.query('SELECT 1');
            await client.query("INSERT INTO notes (body) VALUES ('to and fro')");
          }
        }),
      ),
    );
    const sessions = events.map(({ session }) => session);
    expect(sessions).toEqual(['reader', 'writer', 'writer', 'writer', 'writer', 'writer']);
  });

  it('reads what its request has written through the pool meanwhile', async () => {
    await Promise.all(cluster.replicas.map((replica) => replica.pauseReplay()));
    try {
      await duringGet(() =>
        leased(async (client) => {
          expect(await where(client)).toMatchObject({ standby: true });
          await pool.query("INSERT INTO notes (body) VALUES ('meanwhile')");
          const { rows } = await client.query(
            "SELECT count(*)::int AS n FROM notes WHERE body = 'meanwhile'",
          );
          expect(rows).toEqual([{ n: 1 }]);
        }),
      );
    } finally {
      await Promise.all(cluster.replicas.map((replica) => replica.resumeReplay()));
    }
  });

  it('reads on the primary inside usePrimary, although it has read from a replica before', async () => {
    await duringGet(() =>
      leased(async (client) => {
        expect(await where(client)).toMatchObject({ standby: true });
        expect(await usePrimary(() => where(client))).toMatchObject({ standby: false });
      }),
    );
  });

  it('takes no connection before its first statement', async () => {
    const client = await duringGet(() => pool.connect());
    expect(inUse(pool)).toBe(0);
    client.release();
  });

  it('runs under the scope of its caller, not of the one who checked it out', async () => {
    const client = await duringGet(() => pool.connect());
    expect(await duringPost(() => where(client))).toMatchObject({ standby: false, reader: false });
    client.release();
  });
});

describe('a client leased in a POST request', () => {
  it('is on the writer from the start', async () => {
    await duringPost(async () => {
      const client = await pool.connect();
      expect(client.getTransactionStatus()).toBe('I');
      expect((client as unknown as { processID: number }).processID).toBeGreaterThan(0);
      expect(await where(client)).toMatchObject({ standby: false, reader: false });
      client.release();
    });
  });
});
