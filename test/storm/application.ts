import { ReplicatedPool } from '@node-replicated/pg';
import { serveExpress, serveFastify } from '../history/board.js';
import { itemsIn } from '../history/items.js';
import { type Breakage, brokenItems } from './broken-items.js';

export const frameworks = ['express', 'fastify'] as const;

export type Framework = (typeof frameworks)[number];

/** A node as applications know it. */
export interface NodeAddress {
  readonly name: string;
  readonly connectionString: string;
}

/** What the process of an application is told. */
export interface ApplicationSettings {
  readonly framework: Framework;
  readonly nodes: readonly NodeAddress[];
  /** What it does wrong on purpose. */
  readonly breakage: Breakage | undefined;
}

/** An application of a framework, with a pool of its own. */
export interface Application extends AsyncDisposable {
  readonly url: string;
  readonly pool: ReplicatedPool;
}

/**
 * How soon something is noticed. All else is as it comes: a statement waits 5 s for a primary, shorter than some
 * faults last.
 */
export const watching: { readonly probeIntervalMs: number; readonly probeTimeoutMs: number } = {
  probeIntervalMs: 500,
  // A machine with two busy cores answers late.
  probeTimeoutMs: 1_000,
};

/** Opens the board's site on one framework. */
export async function openApplication({
  framework,
  nodes,
  breakage,
}: ApplicationSettings): Promise<Application> {
  const pool = new ReplicatedPool({
    nodes,
    ...watching,
    downtimeMs: 2_000,
    // A machine that also runs the servers and the crowd is slow: who is refused then is not what a storm asks.
    primaryReads: { queueTimeoutMs: 10_000 },
  });
  const items = itemsIn(pool);
  const kept = breakage === undefined ? items : brokenItems(items, pool, nodes, breakage);
  const serve = framework === 'express' ? serveExpress : serveFastify;
  const site = await serve(kept, { pin: breakage === 'pins' ? false : { forMs: 0 } });
  return {
    url: site.url,
    pool,
    async [Symbol.asyncDispose]() {
      await site[Symbol.asyncDispose]();
      await pool.end();
    },
  };
}
