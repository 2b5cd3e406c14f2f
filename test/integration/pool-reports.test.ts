import { onReplicationEvent, type ReplicationEvents, useReplica } from '@node-replicated/core';
import { ReplicatedPool } from '@node-replicated/pg';
import { pino } from 'pino';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { becomes, cluster, first, pool, second, stageNodes } from './nodes-stage.js';
import { during, duringGet, duringPost, eventually, impatient, insert, openPool, request } from './stage.js';

describe('a primary and two replicas', () => {
  stageNodes();

  describe('the events of a pool', () => {
    it('are those of that pool, and not of another one over the same nodes under the same name', async () => {
      const own = await openPool(cluster);
      const heard: unknown[] = [];
      const elsewhere: unknown[] = [];
      own.onReplicationEvent('write-in-replica-scope', (event) => heard.push(event));
      pool.onReplicationEvent('write-in-replica-scope', (event) => elsewhere.push(event));
      await duringGet(() => own.query(insert('by chance')));
      expect([heard, elsewhere]).toEqual([[{ cluster: 'main', request: 'GET /page' }], []]);
      await own.end();
    });

    it('tell of a node that goes and comes back', async () => {
      const heard: ReplicationEvents['node-changed'][] = [];
      pool.onReplicationEvent('node-changed', (event) => heard.push(event));
      await first.cut();
      await becomes(pool, first.name, 'down');
      await first.heal();
      await becomes(pool, first.name, 'up');
      const states = heard.filter(({ node }) => node === first.name).map(({ to }) => to);
      expect(states[0]).toBe('down');
      expect(states.at(-1)).toBe('up');
    });

    it('tell of a cluster that becomes read-only, and of its end', async () => {
      const heard: unknown[] = [];
      pool.onReplicationEvent('read-only-changed', (event) => heard.push(event));
      await cluster.primary.cut();
      await eventually('the pool is read-only', () => pool.status().readOnly);
      await cluster.primary.heal();
      await eventually('the pool has a primary', () => !pool.status().readOnly);
      expect(heard).toEqual([
        { cluster: 'main', readOnly: true },
        { cluster: 'main', readOnly: false },
      ]);
    });

    it('tell of each statement only to those who ask, until they have enough', async () => {
      const heard: unknown[] = [];
      const stop = pool.onReplicationEvent('statement', (event) => heard.push(event));
      await duringGet(() => pool.query('SELECT 1'));
      stop();
      await duringGet(() => pool.query('SELECT 2'));
      expect(heard).toEqual([
        {
          cluster: 'main',
          request: 'GET /page',
          node: expect.stringMatching(/^replica-/),
          role: 'replica',
          reason: 'method',
          session: 'reader',
        },
      ]);
    });

    it('tell of a write that is still under way when the response leaves', async () => {
      const heard: unknown[] = [];
      const elsewhere: unknown[] = [];
      pool.onReplicationEvent('late-write', (event) => heard.push(event));
      const stop = onReplicationEvent('late-write', (event) => elsewhere.push(event));
      const scope = request('POST');
      const writing = during(scope, () => pool.query('SELECT pg_sleep(0.05)'));
      await eventually('the statement is under way', () => scope.session.wrote('main'));
      scope.session.sealHeaders();
      await writing;
      stop();
      expect(heard).toEqual([{ cluster: 'main', request: 'POST /page' }]);
      expect(elsewhere).toEqual(heard);
    });

    it('are refused by a name that is none, and typed by their names', async () => {
      const wrong = (): unknown => pool.onReplicationEvent('pin-ignored' as never, () => undefined);
      expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
      expect(() => pool.onReplicationEvent('toString' as never, () => undefined)).toThrow(/no event/);
      pool.onReplicationEvent('split-brain', (event) => {
        expectTypeOf(event).toEqualTypeOf<ReplicationEvents['split-brain']>();
      });
    });
  });

  describe('status()', () => {
    it('counts the statements of this pool by their reasons', async () => {
      await pool.query('SELECT 1');
      await duringGet(async () => {
        await pool.query('SELECT 1');
        await pool.query(insert('counted'));
        await pool.query('SELECT 1');
      });
      await duringPost(() => useReplica(() => pool.query('SELECT 1')));
      const client = await pool.connect();
      await client.query('SELECT 1');
      client.release();
      const { statements } = pool.status();
      expect(statements).toMatchObject({
        outside: 2,
        method: 1,
        write: 1,
        'own-write': 1,
        forced: 1,
        pin: 0,
      });
    });

    it('does not change after it was made', async () => {
      const before = pool.status();
      await pool.query('SELECT 1');
      expect(before.statements.outside).toBe(0);
      expect(pool.status().statements.outside).toBe(1);
    });

    it('counts the events of this pool', async () => {
      const { events } = pool.status();
      expect(events['node-changed']).toBeGreaterThanOrEqual(3);
      expect(events['primary-changed']).toBe(1);
      expect(events).not.toHaveProperty('write-in-replica-scope');
      await duringGet(() => pool.query(insert('counted too')));
      expect(pool.status().events['write-in-replica-scope']).toBe(1);
    });

    it('says by how many bytes a replica is behind, until it has caught up', async () => {
      await second.pauseReplay();
      await pool.query(`INSERT INTO notes (body) SELECT repeat('x', 1000) FROM generate_series(1, 1000)`);
      const bytes = (name: string): number | null | undefined =>
        pool.status().nodes.find((node) => node.name === name)?.lagBytes;
      await eventually('the lag is seen', () => (bytes(second.name) ?? 0) > 1_000_000);
      expect(bytes('primary')).toBe(0);
      await second.resumeReplay();
      await eventually('the replica has caught up', () => bytes(second.name) === 0);
    });

    it('knows no lag in bytes of a node that is down, nor without a primary', async () => {
      await first.cut();
      await becomes(pool, first.name, 'down');
      const lags = (): (number | null)[] => pool.status().nodes.map(({ lagBytes }) => lagBytes);
      expect(lags()).toEqual([0, null, expect.any(Number)]);
      await cluster.primary.cut();
      await eventually('the pool is read-only', () => pool.status().readOnly);
      expect(lags()).toEqual([null, null, null]);
      await cluster.primary.heal();
      await first.heal();
      await becomes(pool, first.name, 'up');
      await eventually('the pool has a primary', () => !pool.status().readOnly);
    });
  });

  describe('a logger', () => {
    it('such as pino gets lines of what happens, without a password, a path or a value', async () => {
      const lines: string[] = [];
      const logger = pino({}, { write: (line) => void lines.push(line) });
      const own = await openPool(cluster, { logger });
      await duringGet(() => own.query('INSERT INTO notes (body) VALUES ($1)', ['hunter2']));
      await own.end();
      expect(lines.join('\n')).toContain('the primary of cluster main is primary');
      expect(lines.join('\n')).toContain('a statement that writes ran in a replica scope');
      expect(lines.join('\n')).not.toMatch(/hunter2|\/page|INSERT/);
    });

    it('that throws harms no statement', async () => {
      let calls = 0;
      const fail = (): never => {
        calls += 1;
        throw new Error('the disk is full');
      };
      const own = await openPool(cluster, { logger: { info: fail, warn: fail, error: fail } });
      const { rowCount } = await duringGet(() => own.query(insert('despite the logger')));
      expect(rowCount).toBe(1);
      await own.end();
      expect(calls).toBeGreaterThan(3);
    });

    it('is told once that a node cannot be reached, and not at every try', async () => {
      const lines: string[] = [];
      const write = (_: object, message: string): void => void lines.push(message);
      const logger = { info: write, warn: write, error: write };
      const own = new ReplicatedPool({
        ...impatient,
        logger,
        primary: { name: 'nobody', host: '127.0.0.1', port: 1, user: 'ada', password: 'hunter2' },
      });
      await eventually('it was tried again', () => (own.status().events['node-changed'] ?? 0) >= 5);
      await own.end();
      expect(lines).toEqual([
        expect.stringMatching(/^nobody is down: connect ECONNREFUSED/),
        'cluster main has no primary: nothing can be written',
      ]);
    });
  });
});
