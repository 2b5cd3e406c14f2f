import type { Violations } from '../history/checker.js';
import type { Operation } from '../history/history.js';
import { watching } from './application.js';
import type { Breakage } from './broken-items.js';
import { type Chronicle, lastStrikes, type Strike } from './chronicle.js';
import type { Interval } from './intervals.js';
import { longestOutage, unexcusedReads } from './judge.js';
import { leakedConnections, type NodeConnections } from './leaks.js';
import { writes } from './load.js';
import { type MemoryGrowth, type MemorySample, memoryGrowth } from './memory-growth.js';

/** What is known when a storm is over. */
export interface StormRecord {
  readonly seed: number;
  readonly seconds: number;
  readonly breakage: Breakage | undefined;
  readonly operations: readonly Operation[];
  readonly chronicle: Pick<Chronicle, 'strikes' | 'spans'>;
  readonly nodes: readonly string[];
  /** When faults struck. */
  readonly during: Interval;
  readonly violations: Violations;
  readonly writesOnNonPrimary: number;
  readonly connections: readonly NodeConnections[];
  readonly memory: readonly { readonly name: string; readonly samples: readonly MemorySample[] }[];
  /** Processes that did not end by themselves when they were told to. */
  readonly unended: number;
}

/** What a storm has found. */
export interface StormReport {
  readonly seed: number;
  readonly seconds: number;
  readonly breakage: Breakage | null;
  readonly reads: number;
  readonly writes: number;
  /** How often each fault has struck. */
  readonly faults: Readonly<Record<string, number>>;
  /** The longest time between two of them. */
  readonly longestCalmMs: number;
  /** What must be 0. */
  readonly promises: Promises;
  /** Why reads and writes failed, excused ones too, and after how long. */
  readonly failedReads: Readonly<Record<string, Failures>>;
  readonly failedWrites: Readonly<Record<string, Failures>>;
  /** The longest time for which writes were possible and none was acknowledged, and the goal. */
  readonly outage: { readonly ms: number; readonly atMs: number; readonly goalMs: number };
  readonly memory: Readonly<Record<string, MemoryGrowth>>;
  readonly connections: readonly NodeConnections[];
  /** What happened before promises were broken, in words: the first few. */
  readonly stories: readonly string[];
}

export interface Promises {
  readonly failedReadsWithUsableNode: number;
  readonly lostWrites: number;
  readonly doubledWrites: number;
  readonly readYourWrites: number;
  readonly writesOnNonPrimary: number;
  readonly leakedConnections: number;
  readonly processesThatGrew: number;
  readonly processesThatDidNotEnd: number;
}

/** How often something failed in one way, and how soon and how late. */
export interface Failures {
  readonly count: number;
  readonly soonestMs: number;
  readonly latestMs: number;
}

/** For so long a node that is fit again may not be noticed: a probe is due, and is answered, on a busy machine. */
const graceMs = watching.probeIntervalMs + watching.probeTimeoutMs + 1_000;
const outageGoalMs = watching.probeIntervalMs + 250;
/** Statements under way, and what is still being compiled, make up to a third of that. */
const mostGrowthMb = 5;
const mostStories = 5;

/** Judges what was recorded. */
export function reportOn(record: StormRecord): StormReport {
  const { seed, seconds, operations, chronicle, nodes, during, violations, connections } = record;
  const { strikes, spans } = chronicle;
  const reads = operations.filter(({ kind }) => kind === 'read');
  const failed = unexcusedReads(operations, spans, nodes, writes, graceMs);
  const outage = longestOutage(operations, spans, nodes, during);
  const memory = record.memory.map(({ name, samples }) => [name, memoryGrowth(samples)] as const);
  return {
    ...{ seed, seconds, connections, breakage: record.breakage ?? null },
    reads: reads.length,
    writes: operations.length - reads.length,
    faults: countsOf(strikes.map(({ what }) => what.replace(/ by \d+ ms/, ''))),
    longestCalmMs: longestCalm(strikes, during),
    promises: {
      failedReadsWithUsableNode: failed.length,
      lostWrites: violations.lostWrites.length,
      doubledWrites: violations.doubledWrites.length,
      readYourWrites: violations.readYourWrites.length,
      writesOnNonPrimary: record.writesOnNonPrimary,
      leakedConnections: leakedConnections(connections),
      processesThatGrew: memory.filter(([, { firstMb, lastMb }]) => lastMb - firstMb > mostGrowthMb).length,
      processesThatDidNotEnd: record.unended,
    },
    failedReads: failuresOf(operations, 'read'),
    failedWrites: failuresOf(operations, 'write'),
    outage: { ms: outage.ms, atMs: outage.from - during.from, goalMs: outageGoalMs },
    memory: Object.fromEntries(memory),
    stories: [
      ...oneEach(failed).map((operation) =>
        story('a read failed although a node was usable', operation, strikes),
      ),
      ...violations.readYourWrites.map(({ read, missed }) =>
        story(`a read missed version ${missed.value}`, read, strikes),
      ),
      ...violations.lostWrites.map((operation) =>
        story('an acknowledged write was lost', operation, strikes),
      ),
    ].slice(0, mostStories),
  };
}

/** The promises that were broken. */
export function brokenPromises({ promises }: StormReport): readonly string[] {
  return Object.entries(promises).flatMap(([name, count]) => (count > 0 ? [`${name}: ${count}`] : []));
}

function story(what: string, operation: Operation, strikes: readonly Strike[]): string {
  const { session, key, kind, value, node, reason, start, end, failure } = operation;
  const took = `${kind} of ${session} on ${key}, version ${value}, ${Math.round(end - start)} ms`;
  const served = failure ?? `served by ${node} (${reason})`;
  return `${what}: ${took}, ${served}\n${lastStrikes(strikes, end)}`;
}

/** The longest time in which nothing began. */
function longestCalm(strikes: readonly Strike[], { from, until }: Interval): number {
  const moments = [from, ...strikes.map(({ at }) => at).filter((at) => from < at && at < until), until];
  return Math.max(...moments.map((moment, index) => moment - (moments[index - 1] ?? from)));
}

function failuresOf(
  operations: readonly Operation[],
  kind: Operation['kind'],
): Readonly<Record<string, Failures>> {
  const failures = new Map<string, Failures>();
  for (const { kind: own, failure, start, end } of operations) {
    if (own !== kind || failure === undefined) continue;
    const name = nameOf(failure);
    const ms = Math.round(end - start);
    const { count, soonestMs, latestMs } = failures.get(name) ?? { count: 0, soonestMs: ms, latestMs: ms };
    failures.set(name, {
      count: count + 1,
      soonestMs: Math.min(soonestMs, ms),
      latestMs: Math.max(latestMs, ms),
    });
  }
  return Object.fromEntries([...failures].toSorted(([a], [b]) => a.localeCompare(b)));
}

/** The code of a failure, or else its first words. */
function nameOf(failure: string): string {
  return /ERR_[A-Z_]+/.exec(failure)?.[0] ?? failure.slice(0, 100);
}

/** One of each kind. */
function oneEach(failed: readonly Operation[]): readonly Operation[] {
  return [...new Map(failed.map((one) => [nameOf(one.failure ?? ''), one])).values()];
}

function countsOf(names: readonly string[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted(([a], [b]) => a.localeCompare(b)));
}
