import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark } from './benchmark.js';
import { openRouted, serverOf } from './open-pools.js';
import { estimateMedian } from './statistics.js';

/**
 * What watching the nodes costs while nobody asks for anything: the CPU time of a second with a routed pool, less
 * that of a second without.
 */
export const poolHealth: Benchmark = {
  name: 'pool-health',
  async run(lab) {
    const cluster = await lab.cluster();
    const seconds = lab.quick ? 1 : 8;
    const without = await idleCpuMs(seconds, lab.signal);
    await using _ = openRouted(serverOf(cluster.primary), cluster.replicas.map(serverOf));
    const value = (await idleCpuMs(seconds, lab.signal)) - without;
    lab.note({ name: 'pool-health', value, unit: `ms of CPU per second, ${cluster.nodes.length} nodes` });
  },
};

/** The median of some seconds, after one that does not count: others' garbage may be collected in any of them. */
async function idleCpuMs(seconds: number, signal: AbortSignal): Promise<number> {
  const samples: number[] = [];
  for (let second = 0; second <= seconds; second += 1) {
    const before = process.cpuUsage();
    await sleep(1_000, undefined, { signal });
    const { user, system } = process.cpuUsage(before);
    if (second > 0) samples.push((user + system) / 1_000);
  }
  return estimateMedian(samples).median;
}
