import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalCluster } from '@node-replicated/local-cluster';

/** How the replicas fare. */
export interface Scenario {
  readonly name: string;
  /** The lag of each replica, in ms. */
  readonly lags: readonly number[];
  /** What happens while visitors are measured; they are measured at least until it is over. */
  readonly meanwhile?: (cluster: LocalCluster, signal: AbortSignal) => Promise<void>;
}

export const scenarios: readonly Scenario[] = [
  { name: 'lag-20', lags: [20, 20] },
  { name: 'lag-300', lags: [300, 300] },
  { name: 'lag-3000', lags: [3_000, 3_000] },
  { name: 'paused', lags: [20, 20], meanwhile: pauseOne },
  { name: 'uneven', lags: [20, 1_000] },
];

const aroundPauseMs = 1_000;
const pauseMs = 8_000;

async function pauseOne({ replicas: [replica] }: LocalCluster, signal: AbortSignal): Promise<void> {
  await sleep(aroundPauseMs, undefined, { signal });
  await replica?.pauseReplay();
  await sleep(pauseMs, undefined, { signal });
  await replica?.resumeReplay();
  await sleep(aroundPauseMs, undefined, { signal });
}

/** Brings the replicas into a scenario's state, and waits until they are no further behind than they should be. */
export async function prepare({ lags }: Scenario, { replicas }: LocalCluster): Promise<void> {
  for (const [index, replica] of replicas.entries()) {
    await replica.resumeReplay();
    await replica.setLag(lags[index] ?? 0);
  }
}
