import { ReplicationError } from '@node-replicated/core';
import pg from 'pg';
import { outline } from './sql-text.js';
import { readFailure } from './sqlstate.js';

/** @returns ERR_OUTCOME_UNKNOWN, with the driver's error as its cause */
export function outcomeUnknown(node: string, cause: unknown): ReplicationError {
  return new ReplicationError(
    'ERR_OUTCOME_UNKNOWN',
    `The connection to ${node} was lost under a statement that may have written. It is not tried again: ask the database whether it took effect.`,
    { cause },
  );
}

/** @returns ERR_WRITE_IN_REPLICA_SCOPE, naming the request and the statement without its data */
export function writeInReplicaScope(request: string | undefined, text: string): ReplicationError {
  return new ReplicationError(
    'ERR_WRITE_IN_REPLICA_SCOPE',
    `${request ?? 'A job'} runs in role replica and writes: ${outline(text)}. Use usePrimary() or @UsePrimary, or give the route an override.`,
  );
}

/**
 * Adds a hint to an error of a transaction on a reader. Nothing in a transaction is tried again: the application
 * has seen its earlier results.
 */
export function hintInTransaction(error: unknown): unknown {
  if (error instanceof pg.DatabaseError && error.hint === undefined && readFailure(error) === 'read-only') {
    error.hint =
      'This transaction runs on a session that only reads. Begin it without READ ONLY outside useReplica(), or inside usePrimary().';
  }
  return error;
}
