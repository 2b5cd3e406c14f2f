import { setTimeout as sleep } from 'node:timers/promises';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import { interruption } from './interruption.js';
import { createItems } from './items-table.js';
import { type LoadFindings, runLoad } from './overload-load.js';
import { bulkheadSide, type OverloadSide, onePoolSide } from './overload-sides.js';
import { estimateMedian } from './statistics.js';

/*
 * Do writes stay fast when all replicas are killed under load? `npm run bench:overload`. See README.md beside this
 * folder.
 */

/** Reads that hold a connection and need little of the processor, and reads that need much of it. */
const reads = {
  waiting: 'SELECT 1 FROM pg_sleep(0.02)',
  working: 'SELECT sum(n) FROM generate_series(1, 4000) AS n',
} as const;

const quick = process.argv.includes('--quick');
const rounds = quick ? 1 : 5;
const phaseMs = quick ? 1_000 : 6_000;

const signal = interruption();
await using cluster = await startCluster({ replicas: 2, signal });
await createItems(cluster);
for (const kind of Object.keys(reads) as (keyof typeof reads)[]) {
  for (const make of [bulkheadSide, onePoolSide]) await measure(kind, make);
}

async function measure(
  kind: keyof typeof reads,
  make: (cluster: LocalCluster) => OverloadSide,
): Promise<void> {
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    signal.throwIfAborted();
    await using side = make(cluster);
    await runLoad(side, reads[kind], phaseMs / 3);
    const before = await runLoad(side, reads[kind], phaseMs);
    const killing = sleep(0).then(() => Promise.all(cluster.replicas.map((node) => node.kill())));
    const after = await runLoad(side, reads[kind], phaseMs);
    await killing;
    ratios.push(percentile(after.writes, 0.99) / percentile(before.writes, 0.99));
    say(`${side.name} ${kind} before ${line(before)}`);
    say(`${side.name} ${kind} after  ${line(after)}`);
    await Promise.all(cluster.replicas.map((node) => node.restart()));
    await cluster.waitForCatchUp();
  }
  const { median, low, high } = estimateMedian(ratios);
  say(
    `ratio ${make === bulkheadSide ? 'bulkhead' : 'one-pool'} ${kind} write p99 after / before ${median.toFixed(2)} [${low.toFixed(2)}-${high.toFixed(2)}]`,
  );
}

function line({ writes, reads: done, refused, failed }: LoadFindings): string {
  const ms = (values: readonly number[], part: number): string => percentile(values, part).toFixed(1);
  return `writes ${writes.length} p50 ${ms(writes, 0.5)} p99 ${ms(writes, 0.99)} ms, reads ${done.length} p50 ${ms(done, 0.5)} p99 ${ms(done, 0.99)} ms, refused ${refused}, failed ${failed}`;
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(part * sorted.length), sorted.length - 1)] ?? Number.NaN;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
