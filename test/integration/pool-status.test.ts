import { inspect } from 'node:util';
import { usePrimary } from '@node-replicated/core';
import { ReplicatedPool } from '@node-replicated/pg';
import { describe, expect, it } from 'vitest';
import { pool, stageNodes } from './nodes-stage.js';
import { duringGet, eventually, failureOf, impatient } from './stage.js';

describe('a primary and two replicas', () => {
  stageNodes();

  describe('status()', () => {
    it('is plain JSON', () => {
      const status = pool.status();
      expect(JSON.parse(JSON.stringify(status))).toEqual(status);
      expect(status).toMatchObject({ name: 'main', readOnly: false, primary: 'primary', splitBrain: [] });
      expect(status.nodes).toMatchObject([
        { name: 'primary', role: 'primary', state: 'up', lagMs: 0, error: null, provenReadOnly: true },
        { name: 'replica-1', role: 'replica', state: 'up', streaming: true },
        { name: 'replica-2', role: 'replica', state: 'up', streaming: true },
      ]);
    });

    it('counts the connections of readers and writers', async () => {
      await pool.query('SELECT 1');
      await duringGet(() => usePrimary(() => pool.query('SELECT 1')));
      const [primary] = pool.status().nodes;
      expect(primary?.connections.writer.total).toBe(1);
      expect(primary?.connections.reader.total).toBe(1);
    });

    it('holds no secret, nor does the pool when it is inspected, nor do its errors', async () => {
      const own = new ReplicatedPool({
        ...impatient,
        failoverWaitMs: 100,
        primary: 'postgresql://ada:hunter2@127.0.0.1:1/nowhere',
        replicas: [{ host: '127.0.0.1', port: 2, user: 'ada', password: 'hunter3' }],
      });
      const error = await failureOf(own.query('SELECT 1'));
      await eventually('both are down', () => own.status().nodes.every(({ state }) => state === 'down'));
      const seen = [
        JSON.stringify(own.status()),
        inspect(error, { depth: 10 }),
        JSON.stringify(error),
        inspect(own, { depth: 10 }),
        JSON.stringify(own),
      ];
      await own.end();
      for (const text of seen) expect(text).not.toMatch(/hunter/);
    });
  });
});
