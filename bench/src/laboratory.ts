import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import type { Figure, Lab, OpenPairings } from './benchmark.js';
import { type Comparison, compare } from './comparison.js';
import { createItems } from './items-table.js';
import { type Pair, type Pairing, runPairs, type SlicePlan } from './slices.js';

const thorough: SlicePlan = { pairs: 60, warmUpPairs: 15, sliceMs: 200 };
const hasty: SlicePlan = { pairs: 6, warmUpPairs: 1, sliceMs: 50 };
/** How often sides are opened anew; each time does an equal part of the pairs. */
const openings = { thorough: 6, hasty: 2 } as const;

export interface LaboratoryOptions {
  readonly quick: boolean;
  readonly signal: AbortSignal;
  readonly onComparison: (comparison: Comparison) => void;
  readonly onFigure: (figure: Figure) => void;
}

/** Measures, keeps what was found, and owns the cluster. */
export class Laboratory implements Lab, AsyncDisposable {
  readonly quick: boolean;
  readonly signal: AbortSignal;
  readonly plan: SlicePlan;
  readonly comparisons: Comparison[] = [];
  readonly figures: Figure[] = [];
  readonly #options: LaboratoryOptions;
  #cluster: Promise<LocalCluster> | undefined;

  constructor(options: LaboratoryOptions) {
    this.#options = options;
    this.quick = options.quick;
    this.signal = options.signal;
    this.plan = options.quick ? hasty : thorough;
  }

  cluster(): Promise<LocalCluster> {
    this.#cluster ??= startWithItems(this.signal);
    return this.#cluster;
  }

  async measure(...pairings: readonly Pairing[]): Promise<void> {
    const taken = await runPairs(pairings, this.plan, this.signal);
    for (const [index, { name }] of pairings.entries()) this.#keep(name, taken[index] ?? []);
  }

  async measureAfresh(open: () => Promise<OpenPairings>): Promise<void> {
    const times = this.quick ? openings.hasty : openings.thorough;
    const plan = { ...this.plan, pairs: this.plan.pairs / times };
    const all = new Map<string, Pair[]>();
    for (let time = 0; time < times; time += 1) {
      await using opened = await open();
      const taken = await runPairs(opened.pairings, plan, this.signal);
      for (const [index, { name }] of opened.pairings.entries()) {
        all.set(name, [...(all.get(name) ?? []), ...(taken[index] ?? [])]);
      }
    }
    for (const [name, pairs] of all) this.#keep(name, pairs);
  }

  note(figure: Figure): void {
    this.figures.push(figure);
    this.#options.onFigure(figure);
  }

  /** The version of the cluster's servers, if there is a cluster. */
  async postgres(): Promise<string | undefined> {
    const cluster = await this.#cluster;
    const answer = await cluster?.primary.query<{ server_version: string }>('SHOW server_version');
    return answer?.rows[0]?.server_version;
  }

  #keep(name: string, pairs: readonly Pair[]): void {
    const comparison = compare(name, pairs);
    this.comparisons.push(comparison);
    this.#options.onComparison(comparison);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A cluster that did not start has cleaned up after itself, and its error is somebody else's.
    const cluster = await this.#cluster?.catch(() => undefined);
    await cluster?.stop();
  }
}

async function startWithItems(signal: AbortSignal): Promise<LocalCluster> {
  const cluster = await startCluster({ replicas: 2, signal });
  try {
    await createItems(cluster);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}
