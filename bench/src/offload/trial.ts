import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalCluster } from '@node-replicated/local-cluster';
import { quantile } from '../statistics.js';
import type { OpenPolicy, Policy } from './policy.js';
import type { Scenario } from './scenario.js';
import { StatementCount } from './statement-count.js';
import { Tally } from './tally.js';
import { Visitor } from './visitor.js';

/** How long a trial is, and how many take part. */
export interface TrialPlan {
  readonly visitors: number;
  /** For how many ms nobody is there, so that it can be seen what the policy does by itself. */
  readonly idleMs: number;
  /** For how many ms visitors do not count yet. */
  readonly warmUpMs: number;
  /** For how many ms they count. */
  readonly measuredMs: number;
}

/** What came out of one policy in one scenario. */
export interface Row {
  readonly policy: string;
  readonly reads: number;
  readonly writes: number;
  /** Reads that showed less than the last write that their visitor was told to have succeeded. */
  readonly stale: number;
  /** Reads that showed less than an earlier read of their visitor. */
  readonly older: number;
  readonly onPrimary: number;
  /** Statements besides those of the visitors, background looks included. */
  readonly extra: number;
  /** Statements per second while nobody was there. */
  readonly background: number;
  readonly readMs: Quantiles;
  readonly writeMs: Quantiles;
}

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}

/** Sends the visitors to a policy in a scenario that is prepared. */
export async function tryPolicy(
  policy: Policy,
  scenario: Scenario,
  cluster: LocalCluster,
  plan: TrialPlan,
  signal: AbortSignal,
): Promise<Row> {
  using count = new StatementCount();
  await using open = await policy.open(cluster);
  const background = policy.watches ? await statementsPerSecond(count, plan.idleMs, signal) : 0;
  const tally = new Tally();
  const leaving = new AbortController();
  const leave = AbortSignal.any([leaving.signal, signal]);
  setMaxListeners(plan.visitors + 10, leave);
  const visits = Array.from({ length: plan.visitors }, (_, number) =>
    new Visitor(number, open.openBrowser(), tally).stay(leave),
  );
  const measured = measure(scenario, cluster, open, count, tally, plan, leave);
  try {
    // A visit ends by itself only with an error.
    const extra = await Promise.race([measured, Promise.all(visits).then(() => measured)]);
    leaving.abort();
    await Promise.all(visits);
    signal.throwIfAborted();
    return toRow(policy.name, tally, extra(), background);
  } finally {
    leaving.abort();
    await Promise.allSettled([measured, ...visits]);
  }
}

/** @returns a function that tells, once all visitors have left, how many statements were not theirs */
async function measure(
  { meanwhile }: Scenario,
  cluster: LocalCluster,
  open: OpenPolicy,
  count: StatementCount,
  tally: Tally,
  { warmUpMs, measuredMs }: TrialPlan,
  signal: AbortSignal,
): Promise<() => number> {
  await sleep(warmUpMs, undefined, { signal });
  tally.start();
  const spent = (): number => count.taken - open.freeStatements;
  const before = spent();
  await Promise.all([sleep(measuredMs, undefined, { signal }), meanwhile?.(cluster, signal)]);
  return () => spent() - before - tally.requests;
}

async function statementsPerSecond(count: StatementCount, ms: number, signal: AbortSignal): Promise<number> {
  const before = count.taken;
  await sleep(ms, undefined, { signal });
  return ((count.taken - before) / ms) * 1_000;
}

function toRow(policy: string, tally: Tally, extra: number, background: number): Row {
  const { readMs, postMs, stale, older, onPrimary } = tally;
  return {
    policy,
    reads: readMs.length,
    writes: postMs.length,
    stale,
    older,
    onPrimary,
    extra,
    background,
    readMs: quantilesOf(readMs),
    writeMs: quantilesOf(postMs),
  };
}

function quantilesOf(samples: readonly number[]): Quantiles {
  return { p50: quantile(samples, 0.5), p99: quantile(samples, 0.99) };
}
