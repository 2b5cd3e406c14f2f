import { onReplicationEvent } from '@node-replicated/core';
import { fromPatroni, ReplicatedPool } from '@node-replicated/pg';
import { afterAll, beforeAll, describe, expect, type TestContext, test, vi } from 'vitest';
import { type Board, type Database, finalState, makeTable, openBoard } from '../history/board.js';
import { check, type Violations } from '../history/checker.js';
import { History, type Operation } from '../history/history.js';
import { lookOn } from '../history/onlookers.js';
import { visit } from '../history/visitors.js';
import { trackWriters, writersOf } from '../history/writers.js';
import { eventually } from '../integration/stage.js';
import { PatroniCluster } from './patroni-cluster.js';
import { findPatroni } from './patroni-packages.js';
import { WriteOutage } from './write-outage.js';

const programs = findPatroni();
const isMissing = typeof programs === 'string';
if (isMissing) console.warn(`The tests with a Patroni cluster are skipped: ${programs}.`);

vi.setConfig({ testTimeout: 120_000, hookTimeout: 150_000 });

test.runIf(isMissing && process.env.CI === 'true')('the programs of a Patroni cluster are there', () => {
  expect.fail(String(programs));
});

/** The tests of this block are one story, in the order in which they stand. */
describe.skipIf(isMissing)(
  'a site on a Patroni cluster, with visitors who read and write all the time',
  () => {
    const history = new History();
    const changes: string[] = [];
    let cluster: PatroniCluster;
    let database: Database;
    let pool: ReplicatedPool;
    let board: Board;
    let visiting: Promise<unknown> | undefined;
    let open = true;
    /** The members in the order in which they have led. */
    const leaders: string[] = [];
    const stops: (() => void)[] = [];

    beforeAll(async () => {
      if (isMissing) return;
      cluster = await PatroniCluster.start(programs);
      leaders.push(await leader());
      database = {
        primary: { query: async (text) => cluster.query(await leader(), text) },
      };
      await makeTable(database);
      await trackWriters(database);
      stops.push(onReplicationEvent('primary-changed', ({ to }) => changes.push(String(to))));
      pool = new ReplicatedPool({
        user: 'app',
        database: 'postgres',
        discover: fromPatroni(cluster.restUrls),
        discoverIntervalMs: 2_000,
        // Longer than Patroni needs to be sure that a leader is dead, and to promote another one.
        failoverWaitMs: 60_000,
        // A busy machine may keep a probe waiting longer than any application would let it.
        probeTimeoutMs: 2_000,
        downtimeMs: 2_000,
      });
      await nodesAreUp(3);
      board = await openBoard(pool, { pin: { forMs: 0 } });
      const { urls } = board;
      visiting = Promise.all([
        visit({ urls, sessions: 24, seed: 4, history, busy: () => open }),
        lookOn({ urls, count: 4, history, busy: () => open }),
      ]);
      await serves((operation) => operation.kind === 'write');
    });

    afterAll(async () => {
      open = false;
      for (const stop of stops) stop();
      await visiting?.catch(() => undefined);
      await board?.[Symbol.asyncDispose]();
      await pool?.end();
      await cluster?.[Symbol.asyncDispose]();
    });

    test('it sees all three members, and all that it may see of them', () => {
      const { nodes, primary, discovery } = pool.status();
      expect(nodes.map(({ name, hint }) => [name, hint])).toEqual([
        [leaders[0], null],
        ...['pg-1', 'pg-2', 'pg-3'].filter((name) => name !== leaders[0]).map((name) => [name, null]),
      ]);
      expect([primary, discovery?.error]).toEqual([leaders[0], null]);
    });

    test("kill -9 of the leader's Patroni and PostgreSQL: writes go on, on the one that is promoted", async (context) => {
      const former = leaders.at(-1) ?? '';
      const outage = new WriteOutage(history, () => promoted(former));
      await cluster.killMember(former);
      await followed(context, outage, 'kill -9');
      await eventually('the killed one is a node no more', () => !names().includes(former), 60_000);
      await cluster.isWhole();
    });

    test('a switchover on purpose: writes go on, on the next one', async (context) => {
      const former = await leader();
      const next = (await cluster.nameOf('sync_standby')) ?? '';
      const outage = new WriteOutage(history, () => promoted(former));
      expect(await cluster.switchover(former, next)).toMatch(/^200 /);
      await followed(context, outage, 'switchover');
      expect(pool.status().primary).toBe(next);
      await cluster.isWhole();
    });

    test('the killed one is back: it is a node again, and serves', async () => {
      const [former = ''] = leaders;
      const back = performance.now();
      cluster.startMember(former);
      await cluster.isWhole();
      await nodesAreUp(3);
      await serves(({ kind, node, start }) => kind === 'read' && node === former && start > back);
    });

    describe('when everybody has left', () => {
      let violations: Violations;

      beforeAll(async () => {
        open = false;
        await visiting;
        if (database !== undefined) violations = check(history.operations, await finalState(database));
      });

      test('no acknowledged write was lost, and none was done twice', async ({ annotate }) => {
        const writes = history.operations.filter(({ kind }) => kind === 'write');
        await annotate(`${writes.length} writes, ${history.operations.length - writes.length} reads`);
        expect(writes.length).toBeGreaterThan(100);
        expect(violations).toMatchObject({ lostWrites: [], doubledWrites: [] });
      });

      test('nobody has missed their own write', () => {
        expect(violations.readYourWrites).toEqual([]);
      });

      test('no read has failed, as there was always a node that could serve it', () => {
        expect(failures('read')).toEqual([]);
      });

      test('no write has failed but those that were under way on a primary that went, whose fate nobody can know', () => {
        const unknown = /was lost under a statement that may have written/;
        expect(failures('write').filter((failure) => !unknown.test(failure))).toEqual([]);
      });

      test('on each timeline one server alone has written', async () => {
        const writers = await writersOf(database);
        expect(new Set(writers.map(({ timeline }) => timeline)).size).toBe(writers.length);
        expect(writers.map(({ port }) => port)).toEqual(leaders.map((name) => cluster.ports.get(name)));
      });

      test('the primaries that it followed are those that Patroni made, and nothing was restarted', () => {
        expect(changes.filter((name) => name !== 'undefined')).toEqual(leaders);
      });

      test("no connection is left in anybody's hands", () => {
        expect(pool.totalCount - pool.idleCount).toBe(0);
        expect(pool.waitingCount).toBe(0);
      });
    });

    /** Waits until the application writes to another primary than before, and tells how long that took. */
    async function followed({ annotate }: TestContext, outage: WriteOutage, what: string): Promise<void> {
      const former = leaders.at(-1);
      await eventually(
        'there is another primary',
        () => pool.status().primary !== null && pool.status().primary !== former,
        90_000,
      );
      leaders.push(pool.status().primary ?? '');
      const since = performance.now();
      await serves(({ kind, node, end }) => kind === 'write' && node === leaders.at(-1) && end > since);
      const { from, until, beyondMs } = outage.stop();
      const reads = history.operations.filter(
        ({ kind, start, end, failure }) =>
          kind === 'read' && failure === undefined && start > from && end < until,
      );
      expect(reads.length).toBeGreaterThan(0);
      await annotate(
        `${what}: no write was acknowledged for ${Math.round(until - from)} ms, ${reads.length} reads were served meanwhile, ` +
          `and the first write came ${Math.round(beyondMs)} ms after a server had been promoted`,
      );
    }

    async function leader(): Promise<string> {
      const name = await cluster.nameOf('leader');
      if (name === undefined) throw new Error('Patroni says that there is no leader.');
      return name;
    }

    /** Whether any server but the former leader's accepts writes. */
    async function promoted(former: string): Promise<boolean> {
      const others = [...cluster.ports.keys()].filter((name) => name !== former);
      const looks = others.map(async (name) => {
        const { rows } = await cluster.query<{ standby: boolean }>(
          name,
          'SELECT pg_is_in_recovery() AS standby',
        );
        return rows[0]?.standby === false;
      });
      const answers = await Promise.allSettled(looks);
      return answers.some((answer) => answer.status === 'fulfilled' && answer.value);
    }

    function names(): readonly string[] {
      return pool.status().nodes.map(({ name }) => name);
    }

    function nodesAreUp(count: number): Promise<void> {
      return eventually(
        `${count} nodes are up`,
        () => {
          const { nodes, primary } = pool.status();
          return primary !== null && nodes.filter(({ state }) => state === 'up').length === count;
        },
        60_000,
      );
    }

    /** Waits for an operation that has succeeded. */
    function serves(fits: (operation: Operation) => boolean): Promise<void> {
      const found = (): boolean => history.operations.some((one) => one.failure === undefined && fits(one));
      return eventually('such an operation succeeds', found, 90_000);
    }

    function failures(kind: Operation['kind']): readonly string[] {
      return history.operations.flatMap((one) => (one.kind === kind ? (one.failure ?? []) : []));
    }
  },
);
