import { describe, expect, it } from 'vitest';
import { cluster, leased, notes, pool, stageLeases } from './pool-stage.js';
import { during, duringGet, eventually, failureOf, numberOn, openPool, request } from './stage.js';

stageLeases({
  schema: 'CREATE TABLE locked (x int)',
  settings: { max_standby_streaming_delay: '100ms' },
});

describe('a connection that is lost', () => {
  const terminateAll = (where: string): Promise<unknown> =>
    cluster.primary.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${where}`);

  it('between the statements of a transaction fails the transaction, and is not replaced', async () => {
    for (const method of ['GET', 'POST']) {
      await during(request(method), async () => {
        const client = await pool.connect();
        client.on('error', () => undefined);
        await client.query('BEGIN');
        await client.query("INSERT INTO notes (body) VALUES ('lost')");
        const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
        await terminateAll(`pid = ${rows[0].pid}`);
        await failureOf(client.query("INSERT INTO notes (body) VALUES ('lost')"));
        await failureOf(client.query('COMMIT'));
        client.release();
      });
    }
    expect(await notes('lost')).toBe(0);
  });

  it('between the statements of a READ ONLY transaction on a replica is not replaced', async () => {
    await duringGet(async () => {
      const client = await pool.connect();
      client.on('error', () => undefined);
      await client.query('BEGIN READ ONLY');
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid, inet_server_port() AS port');
      const node = cluster.nodes.find(({ serverPort }) => serverPort === rows[0].port);
      await node?.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
      await failureOf(client.query('SELECT 1'));
      client.release();
    });
  });

  it('under a read of a lease in a GET is replaced', async () => {
    await duringGet(async () => {
      const client = await pool.connect();
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid, inet_server_port() AS port');
      const slow = client.query('SELECT pg_sleep(0.3), pg_is_in_recovery() AS standby');
      const node = cluster.nodes.find(({ serverPort }) => serverPort === rows[0].port);
      await node?.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
      expect((await slow).rows[0]?.standby).toBe(true);
      client.release();
    });
    await allUp();
  });

  it.each(['COMMIT', 'END', '/* bye */ COMMIT'])(
    'under %s is ERR_OUTCOME_UNKNOWN, with the cause',
    async (sql) => {
      await cluster.primary.query(`
      CREATE TABLE IF NOT EXISTS deferred (x int);
      CREATE OR REPLACE FUNCTION wait_long() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_sleep(10); RETURN NULL; END $$;
      DROP TRIGGER IF EXISTS slow ON deferred;
      CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION wait_long()`);
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO deferred VALUES (1)');
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
      const committing = failureOf(client.query(sql));
      await busy(rows[0].pid);
      await terminateAll(`pid = ${rows[0].pid}`);
      const error = await committing;
      client.release();
      await allUp();
      expect(error).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN', cause: { code: '57P01' } });
    },
  );

  it('under a statement of an open transaction is not in doubt', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    const slow = failureOf(client.query("INSERT INTO notes (body) SELECT 'doubt' FROM pg_sleep(10)"));
    await busy(rows[0].pid);
    await terminateAll(`pid = ${rows[0].pid}`);
    expect(await slow).toMatchObject({ code: '57P01' });
    client.release();
    await allUp();
  });

  it.each(['GET', 'POST'])(
    'under an autocommit write of pool.query in a %s is ERR_OUTCOME_UNKNOWN',
    async (method) => {
      const sql = `INSERT INTO notes (body) SELECT 'unknown ${method}' FROM pg_sleep(10)`;
      const slow = failureOf(during(request(method), () => pool.query(sql)));
      const pid = await busyWith(`unknown ${method}`);
      await terminateAll(`pid = ${pid}`);
      expect(await slow).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN', cause: { code: '57P01' } });
      expect(await notes(`unknown ${method}`)).toBe(0);
      await allUp();
    },
  );

  it.each(['GET', 'POST'])(
    'under an autocommit write of a lease in a %s is ERR_OUTCOME_UNKNOWN',
    async (method) => {
      const sql = `INSERT INTO notes (body) SELECT 'unknown lease ${method}' FROM pg_sleep(10)`;
      const slow = failureOf(during(request(method), () => leased((client) => client.query(sql))));
      const pid = await busyWith(`unknown lease ${method}`);
      await terminateAll(`pid = ${pid}`);
      expect(await slow).toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN', cause: { code: '57P01' } });
      await allUp();
    },
  );

  it('while it is idle in the pool does not end the process, and is told to listeners', async () => {
    const own = await openPool(cluster, { name: 'idle' });
    await own.query('SELECT 1');
    await duringGet(() => own.query('SELECT 1'));
    await terminateAll(
      "backend_type = 'client backend' AND application_name <> 'node-replicated monitor' AND pid <> pg_backend_pid()",
    );
    await eventually('the connections are gone', () => own.idleCount <= 1);
    const errors: unknown[] = [];
    own.on('error', (error) => errors.push(error));
    await own.query('SELECT 1');
    await terminateAll(
      "backend_type = 'client backend' AND application_name <> 'node-replicated monitor' AND pid <> pg_backend_pid()",
    );
    await eventually('the error is told', () => errors.length > 0);
    expect(errors[0]).toBeInstanceOf(Error);
    expect((await own.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await own.end();
  });

  it('to a recovery conflict is replaced, and the connection is given back', async () => {
    await duringGet(() =>
      leased(async (client) => {
        await client.query('SELECT 1');
        const slow = client.query('SELECT count(*)::int AS n, pg_sleep(0.8) FROM locked');
        await eventually('it is under way', async () => {
          const counts = cluster.replicas.map((replica) =>
            numberOn(replica, "SELECT count(*) AS n FROM pg_locks WHERE relation = 'locked'::regclass"),
          );
          return (await Promise.all(counts)).some((n) => n > 0);
        });
        await cluster.primary.query('TRUNCATE locked');
        expect((await slow).rows[0]?.n).toBe(0);
      }),
    );
  });

  it('to a recovery conflict under pool.query is replaced', async () => {
    const slow = duringGet(() => pool.query('SELECT count(*)::int AS n, pg_sleep(0.8) FROM locked'));
    await eventually('it is under way', async () => {
      const counts = cluster.replicas.map((replica) =>
        numberOn(replica, "SELECT count(*) AS n FROM pg_locks WHERE relation = 'locked'::regclass"),
      );
      return (await Promise.all(counts)).some((n) => n > 0);
    });
    await cluster.primary.query('TRUNCATE locked');
    expect((await slow).rows[0]?.n).toBe(0);
  });

  const allUp = (): Promise<void> =>
    eventually('every node is up', () => pool.status().nodes.every(({ state }) => state === 'up'));

  const busy = (pid: number): Promise<void> =>
    eventually('it is under way', async () => {
      const sql = `SELECT count(*) AS n FROM pg_stat_activity WHERE pid = ${pid} AND wait_event = 'PgSleep'`;
      return (await numberOn(cluster.primary, sql)) === 1;
    });

  async function busyWith(text: string): Promise<number> {
    const sql = `SELECT coalesce(max(pid), 0) AS n FROM pg_stat_activity
                 WHERE query LIKE '%${text}%' AND wait_event = 'PgSleep'`;
    await eventually('it is under way', async () => (await numberOn(cluster.primary, sql)) > 0);
    return numberOn(cluster.primary, sql);
  }
});
