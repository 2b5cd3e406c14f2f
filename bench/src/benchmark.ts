import type { LocalCluster } from '@node-replicated/local-cluster';
import type { Pairing } from './slices.js';

/** What a benchmark is given to work with. */
export interface Lab {
  /** Aborted when the run is interrupted. */
  readonly signal: AbortSignal;
  /** A primary and two replicas with the items in them; started for the first who asks. */
  cluster(): Promise<LocalCluster>;
  /** Compares the sides of pairings, whose pairs take turns, and keeps the results. */
  measure(...pairings: readonly Pairing[]): Promise<void>;
  /**
   * The same with sides that are opened anew several times over: two processes of one program may differ by a
   * tenth, for as long as they live, by what the compiler made of their first requests.
   */
  measureAfresh(open: () => Promise<OpenPairings>): Promise<void>;
  /** Keeps a figure that is not a comparison. */
  note(figure: Figure): void;
  /** Whether the run has to be short rather than precise. */
  readonly quick: boolean;
}

/** Pairings, with all that was opened for them. */
export interface OpenPairings extends AsyncDisposable {
  readonly pairings: readonly Pairing[];
}

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** Some comparisons that belong together, with all that they open and close. */
export interface Benchmark {
  readonly name: string;
  run(lab: Lab): Promise<void>;
}
