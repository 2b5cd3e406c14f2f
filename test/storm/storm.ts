import { setMaxListeners } from 'node:events';
import { startCluster } from '@node-replicated/local-cluster';
import { finalState, makeTable } from '../history/board.js';
import { check } from '../history/checker.js';
import { History } from '../history/history.js';
import { trackWriters, writersOf } from '../history/writers.js';
import { eventually, within } from '../integration/stage.js';
import type { ApplicationChild } from './application-child.js';
import { Applications } from './applications.js';
import type { Breakage } from './broken-items.js';
import { Chronicle, lastStrikes } from './chronicle.js';
import { settledConnections } from './leaks.js';
import { sendEverybody } from './load.js';
import type { MemorySample } from './memory-growth.js';
import { strikeNetwork } from './network-faults.js';
import { pause } from './pause.js';
import { planStorm } from './plan.js';
import { reportOn, type StormReport } from './report.js';
import { strikeServers } from './server-faults.js';
import { StormedCluster } from './stormed-cluster.js';

export interface StormOptions {
  readonly seconds: number;
  /** Decides what strikes when, and what visitors do. */
  readonly seed: number;
  /** The compiled `application-process.ts`. */
  readonly program: URL;
  /** What applications do wrong on purpose, to see that it is found. @default nothing */
  readonly breakage?: Breakage | undefined;
}

/** Everybody who waits for an answer gets one, if only an error. */
const departureLimitMs = 60_000;

/**
 * Has visitors read and write on two applications while servers and ways break, and judges what they have seen.
 *
 * Commits are acknowledged when a replica, any of them, has replayed them, so that a promotion loses none.
 *
 * @throws an Error that names the seed and the last faults when the storm itself cannot go on, or applications
 * never recover
 */
export async function runStorm({ seconds, seed, program, breakage }: StormOptions): Promise<StormReport> {
  const chronicle = new Chronicle();
  try {
    await using cluster = await startCluster({
      replicas: 2,
      quorum: 1,
      settings: { synchronous_commit: 'remote_apply' },
    });
    await makeTable(cluster);
    await trackWriters(cluster);
    await cluster.waitForCatchUp();
    await using applications = await Applications.start(cluster, program, breakage);
    await applications.see('every node is up', ({ nodes }) => nodes.every(({ state }) => state === 'up'));

    const stormed = new StormedCluster(cluster, chronicle);
    const plan = planStorm(seed, seconds);
    const history = new History();
    const over = new AbortController();
    setMaxListeners(0, over.signal); // each cut waits for it
    let busy = true;
    const load = sendEverybody({ urls: applications.urls, seed, history, busy: () => busy });
    const storm = async (): Promise<StormFindings> => {
      const clock = setTimeout(() => over.abort(), seconds * 1_000);
      try {
        await eventually('somebody writes', () => history.operations.some(({ kind }) => kind === 'write'));
        const from = performance.now();
        const [{ strayWrites }, ...memory] = await Promise.all([
          strikeServers(stormed, applications, plan, over.signal),
          ...applications.children.map((child) => sampleMemory(child, seconds, over.signal)),
          strikeNetwork(stormed, plan.cuts, over.signal).then(() => []),
        ]);
        return { strayWrites, memory, during: { from, until: performance.now() } };
      } finally {
        clearTimeout(clock);
        over.abort();
        busy = false;
      }
    };
    load.catch(() => undefined); // it is told below
    const findings = await storm();
    await within(departureLimitMs, 'the departure of everybody', load);

    await applications.see(
      'all is well',
      ({ nodes, primary }) => nodes.every(({ state }) => state === 'up') && primary === stormed.primary.name,
    );
    const connections = await settledConnections(stormed.nodes, () => applications.statuses());
    const database = { primary: stormed.primary };
    const strangers = (await writersOf(database)).filter(
      ({ timeline, port }) => stormed.reigns[timeline - 1]?.serverPort !== port,
    );
    const violations = check(history.operations, await finalState(database));
    const ended: boolean[] = [];
    for (const child of applications.children) ended.push(await child.end());
    return reportOn({
      ...{ seed, seconds, breakage, chronicle, connections, violations },
      ...{ during: findings.during, operations: history.operations },
      nodes: stormed.nodes.map(({ name }) => name),
      writesOnNonPrimary: findings.strayWrites + strangers.length,
      memory: applications.children.map(({ name }, index) => ({
        name,
        samples: findings.memory[index] ?? [],
      })),
      unended: ended.filter((itself) => !itself).length,
    });
  } catch (error) {
    const last = lastStrikes(chronicle.strikes, performance.now());
    throw new Error(`The storm of seed ${seed} has failed: ${error}\nThe last faults:\n${last}`, {
      cause: error,
    });
  }
}

interface StormFindings {
  readonly strayWrites: number;
  readonly memory: readonly (readonly MemorySample[])[];
  readonly during: { readonly from: number; readonly until: number };
}

async function sampleMemory(
  child: ApplicationChild,
  seconds: number,
  over: AbortSignal,
): Promise<readonly MemorySample[]> {
  const samples: MemorySample[] = [];
  while (!over.aborted) {
    samples.push(await child.memory());
    await pause((seconds * 1_000) / 30, over);
  }
  return samples;
}
