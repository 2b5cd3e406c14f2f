import type { LocalNode } from '@node-replicated/local-cluster';
import { ReplicatedPool } from '@node-replicated/pg';
import pg from 'pg';

/** How many statements are under way at any time, and how many connections each pool may have. */
export const concurrency = 16;

/** A server, past any proxy. */
export interface Server {
  readonly name: string;
  readonly connectionString: string;
  /** Its own port. */
  readonly port: number;
}

export function serverOf({ name, directUrl, serverPort }: LocalNode): Server {
  return { name, connectionString: directUrl, port: serverPort };
}

export function openBare({ connectionString }: Server): pg.Pool {
  return new pg.Pool({ connectionString, max: concurrency });
}

export function openRouted(primary: Server, replicas: readonly Server[]): ReplicatedPool {
  return new ReplicatedPool({
    primary: optionsOf(primary),
    replicas: replicas.map(optionsOf),
    max: concurrency,
  });
}

function optionsOf({ name, connectionString }: Server): { name: string; connectionString: string } {
  return { name, connectionString };
}
