import { ReplicationError } from '@node-replicated/core';
import type pg from 'pg';
import type { PgNode } from './node.js';
import type { PgCluster } from './pg-cluster.js';
import { rest } from './rest.js';
import type { Taken } from './session-pool.js';
import { readFailure } from './sqlstate.js';

/** A connection of a node, in somebody's hands until it is released. */
export interface Checkout {
  readonly node: PgNode;
  readonly client: pg.PoolClient;
  readonly release: (error?: Error) => void;
}

type Done = (error: unknown, checkout?: Checkout) => void;

/**
 * Takes a connection to read with.
 *
 * @param hasBetter asked while it waits for one of the primary's: whether another node would do
 * @returns undefined when another node would do
 */
export function checkoutReader(node: PgNode, hasBetter: () => boolean): Promise<Checkout | undefined> {
  return new Promise((resolve, reject) => {
    const done: Taken = (error, client, release) => {
      if (client === undefined || release === undefined) reject(error);
      else resolve({ node, client, release });
    };
    const goElsewhere = (): boolean => {
      const goes = hasBetter();
      if (goes) resolve(undefined);
      return goes;
    };
    node.takeReader(done, goElsewhere);
  });
}

/** Takes a connection to write with: of the primary, or of its successor if the primary does not take writes. */
export function checkoutWriter(cluster: PgCluster, done: Done): void {
  const { primary = cluster.presumed } = cluster;
  if (primary !== undefined) takeWriter(cluster, primary, undefined, done);
  else cluster.waitForPrimary().then((node) => takeWriter(cluster, node, undefined, done), done);
}

/**
 * A node that was taken for the primary did not take a write, and changed nothing: it is probed at once, and if
 * another node turns out to be the primary, that one is asked.
 *
 * @param error what the former node answered: it stands when there is no other
 */
export function checkoutWriterElsewhere(
  cluster: PgCluster,
  former: PgNode,
  error: unknown,
  done: Done,
): void {
  cluster
    .suspect(former, error)
    .then(() => cluster.waitForPrimary())
    .then((node) => {
      if (node === former) done(error);
      else takeWriter(cluster, node, cluster.clock.now() + cluster.settings.waitMs, done);
    }, done);
}

/**
 * @param until the moment, in ms of the cluster's clock, from which on a refusal is final: several nodes may be lost
 *   one after the other, and whatever was not sent may wait. undefined before the first refusal
 */
function takeWriter(cluster: PgCluster, node: PgNode, until: number | undefined, done: Done): void {
  node.takeWriter((refusal, client, release) => {
    if (client !== undefined && release !== undefined) {
      if (cluster.confirm(node)) return done(undefined, { node, client, release });
      // It has lost its role while this connection was waited for.
      release();
    }
    const error = client === undefined ? refusal : node.notPrimary();
    const now = cluster.clock.now();
    if ((node === cluster.presumed && !isNotPrimary(error)) || !isNotTaken(error)) return done(error);
    if (until !== undefined && now >= until) return done(cluster.noPrimary(error));
    cluster
      .suspect(node, error)
      .then(() => (until === undefined ? undefined : rest(cluster.clock)))
      .then(() => cluster.waitForPrimary())
      .then((next) => takeWriter(cluster, next, until ?? now + cluster.settings.waitMs, done), done);
  });
}

/** Whether an error in connecting may mean that the primary is another node by now. */
function isNotTaken(error: unknown): boolean {
  return error instanceof ReplicationError ? isNotPrimary(error) : readFailure(error) === 'lost';
}

function isNotPrimary(error: unknown): boolean {
  return error instanceof ReplicationError && error.code === 'ERR_NOT_PRIMARY';
}
