import type { LocalCluster } from '@node-replicated/local-cluster';

/** What a reading request brought. */
export interface Shown {
  readonly version: number;
  readonly onPrimary: boolean;
  /** How many ms of the request do not count, because what it learned in them it is meant to know for nothing. */
  readonly freeMs?: number;
}

/** A visitor's browser, with all that a policy lets it carry from one request to the next. */
export interface Browser {
  /** One reading request. */
  read(board: number): Promise<Shown>;
  /** One writing request. Resolves with the version that it made when the whole response is there. */
  post(board: number): Promise<number>;
}

/** A policy at work, with its pools. */
export interface OpenPolicy extends AsyncDisposable {
  /** A browser that has not been here before. */
  openBrowser(): Browser;
  /** How many of the statements that it has sent it is meant to have for nothing. */
  readonly freeStatements: number;
}

/** A way to decide which node serves a reading request. */
export interface Policy {
  readonly name: string;
  /** Whether it looks at the nodes also while nobody asks for anything. */
  readonly watches: boolean;
  open(cluster: LocalCluster): Promise<OpenPolicy>;
}
