import type { PgCluster } from './pg-cluster.js';
import type { StatementMemory } from './statement.js';

/** What all statements and leases of a pool share. */
export interface RunContext {
  readonly cluster: PgCluster;
  readonly memory: StatementMemory;
}
