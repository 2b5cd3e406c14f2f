import { once } from 'node:events';
import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { cluster, leased, pool, stageLeases } from './pool-stage.js';
import { during, duringGet, eventually, failureOf, inUse, openPool, request, within } from './stage.js';

stageLeases();

describe('events of a leased client', () => {
  it('a notification arrives, on a lease that began with a read in a GET', async () => {
    await duringGet(async () => {
      const client = await pool.connect();
      const heardNews = once(client, 'notification');
      await client.query('SELECT 1');
      await client.query('LISTEN lease');
      await cluster.primary.query("SELECT pg_notify('lease', 'to the lease')");
      const [message] = await within(5_000, 'the notification', heardNews);
      expect(message).toMatchObject({ channel: 'lease', payload: 'to the lease' });
      await client.query('UNLISTEN *');
      client.release();
    });
  });

  it('a notice arrives, from a replica and from the primary', async () => {
    for (const method of ['GET', 'POST']) {
      await during(request(method), () =>
        leased(async (client) => {
          const notice = once(client, 'notice');
          await client.query("DO $$ BEGIN RAISE NOTICE 'look'; END $$");
          expect((await notice)[0].message).toBe('look');
        }),
      );
    }
  });

  it('error and end are told when the connection is lost', async () => {
    for (const method of ['GET', 'POST']) {
      await during(request(method), async () => {
        const client = await pool.connect();
        const told: string[] = [];
        client.on('error', () => told.push('error'));
        client.on('end', () => told.push('end'));
        const { rows } = await client.query('SELECT pg_backend_pid() AS pid, inet_server_port() AS port');
        const node = cluster.nodes.find(({ serverPort }) => serverPort === rows[0].port);
        await node?.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
        await eventually('it is told', () => told.includes('end'));
        // `pg` tells of the server's goodbye and of the lost connection.
        expect(told).toEqual(['error', 'error', 'end']);
        client.release();
      });
    }
  });

  it('moving to the primary is not told as an end', async () => {
    await duringGet(async () => {
      const client = await pool.connect();
      const told: string[] = [];
      client.on('end', () => told.push('end'));
      await client.query('SELECT 1');
      await client.query("SELECT note_down('quiet move')");
      client.release();
      expect(told).toEqual([]);
    });
  });

  it('leave no listeners behind on the connections', async () => {
    const own = await openPool(cluster, { name: 'listeners', max: 1 });
    let real: pg.PoolClient | undefined;
    own.on('acquire', (client) => {
      real = client;
    });
    const counts = new Set<string>();
    for (let i = 0; i < 5; i++) {
      const client = await own.connect();
      await client.query('SELECT 1');
      await failureOf(client.query('SELECT * FROM missing'));
      client.release();
      await eventually('it was given back', () => inUse(own) === 0);
      const names = ['drain', 'error', 'end', 'notice', 'notification'];
      counts.add(names.map((name) => `${name} ${real?.listenerCount(name)}`).join());
    }
    expect(counts.size).toBe(1);
    await own.end();
  });
});
