import { runInScope } from '@node-replicated/core/adapter';
import type pg from 'pg';
import { destroyConnection } from './connection-use.js';
import { plainError } from './node-failure.js';

/** Who is asked before a new connection is opened, and told what came of it. */
export interface Doorkeeper {
  /** The error with which it has to fail without having been tried. */
  refusal(): Error | undefined;
  onTried(error: Error | undefined): void;
}

/** Looks at a new connection before its first use, and throws when it will not do. */
export type Proof = (client: pg.ClientBase) => Promise<void>;

/** What a new connection has to pass. */
export interface Opening {
  readonly config: pg.PoolConfig;
  readonly prove: Proof;
  readonly doorkeeper: Doorkeeper;
}

/**
 * Connects a client, and has it looked at. Its socket belongs to no request: otherwise every event of the connection
 * would run in the scope of the request that happened to open it.
 *
 * @throws why it will not do: it is not, or no longer, connected
 */
export function openClient(client: pg.Client, { config, prove, doorkeeper }: Opening): Promise<void> {
  const { connectionTimeoutMillis: ms } = config;
  return runInScope(undefined, async () => {
    const began = performance.now();
    await inTime(ms, client, () => connect(client, doorkeeper));
    config.log?.('new client connected');
    try {
      // A server may let a connection in and then say nothing.
      await inTime(ms && Math.max(began + ms - performance.now(), 1), client, () => prove(client));
      await config.onConnect?.(client);
    } catch (error) {
      await client.end();
      throw error;
    }
  });
}

async function connect(client: pg.Client, doorkeeper: Doorkeeper): Promise<void> {
  const refusal = doorkeeper.refusal();
  if (refusal !== undefined) throw refusal;
  // With a callback, as pg-pool does: some replace the method, and expect one.
  const connecting = new Promise<Error | null | undefined>((resolve) => client.connect(resolve));
  const error = await connecting.catch((thrown: Error) => thrown);
  doorkeeper.onTried(error ?? undefined);
  if (error) throw plainError(error);
}

/** Cuts the connection when a step takes too long. */
async function inTime(ms: number | undefined, client: pg.Client, step: () => Promise<void>): Promise<void> {
  if (!ms) return step();
  let isLate = false;
  // Begins before `pg`'s own, whose error says less.
  const timer = setTimeout(() => {
    isLate = true;
    destroyConnection(client);
  }, ms);
  const [outcome] = await Promise.allSettled([step()]);
  clearTimeout(timer);
  const cause: unknown = outcome.status === 'rejected' ? outcome.reason : undefined;
  // In pg-pool's words. What came about at the last moment has been cut all the same.
  if (isLate) throw new Error('Connection terminated due to connection timeout', { cause });
  if (outcome.status === 'rejected') throw cause;
}
