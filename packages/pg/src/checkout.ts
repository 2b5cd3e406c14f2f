import { ReplicationError } from '@node-replicated/core';
import type { Position } from '@node-replicated/core/cluster';
import type pg from 'pg';
import { noPrimary } from './cluster-refusals.js';
import type { PgNode } from './node.js';
import type { PgCluster } from './pg-cluster.js';
import type { Release, Taker } from './pool-connection.js';
import { rest } from './rest.js';
import { readFailure } from './sqlstate.js';

/** A connection of a node, in somebody's hands until it is released. */
export interface Checkout {
  readonly node: PgNode;
  readonly client: pg.PoolClient;
  readonly release: Release;
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
    const goElsewhere = (): boolean => {
      const goes = hasBetter();
      if (goes) resolve(undefined);
      return goes;
    };
    const onTaken: Taker['onTaken'] = (client, release) => resolve({ node, client, release });
    node.takeReader({ onTaken, onRefused: reject }, goElsewhere);
  });
}

/**
 * Takes a connection to write with: of the primary, or of its successor if the primary does not take writes.
 *
 * @param pinned the position that the client's pin names: a primary that is older than that gets no write
 */
export function checkoutWriter(cluster: PgCluster, pinned: Position | undefined, done: Done): void {
  const primary = cluster.primaryFor(pinned) ?? cluster.presumed;
  const taking = { cluster, pinned, until: undefined };
  if (primary !== undefined) takeWriter(taking, primary, done);
  else cluster.waitForPrimary(pinned).then((node) => takeWriter(taking, node, done), done);
}

/**
 * A node that was taken for the primary did not take a write, and changed nothing: it is probed at once, and if
 * another node turns out to be the primary, that one is asked.
 *
 * @param error what the former node answered: it stands when there is no other
 */
export function checkoutWriterElsewhere(
  cluster: PgCluster,
  pinned: Position | undefined,
  former: PgNode,
  error: unknown,
  done: Done,
): void {
  cluster
    .suspect(former, error)
    .then(() => cluster.waitForPrimary(pinned))
    .then((node) => {
      if (node === former) return done(error);
      takeWriter({ cluster, pinned, until: cluster.clock.now() + cluster.settings.waitMs }, node, done);
    }, done);
}

/** Who wants to write. */
interface Taking {
  readonly cluster: PgCluster;
  readonly pinned: Position | undefined;
  /**
   * The moment, in ms of the cluster's clock, from which on a refusal is final: several nodes may be lost one after
   * the other, and whatever was not sent may wait. undefined before the first refusal.
   */
  readonly until: number | undefined;
}

function takeWriter(taking: Taking, node: PgNode, done: Done): void {
  const { cluster, pinned } = taking;
  node.takeWriter({
    onTaken(client, release) {
      if (cluster.confirm(node) && cluster.primaryFor(pinned) !== undefined)
        return done(undefined, { node, client, release });
      // It has lost its role while this connection was waited for.
      release();
      takeNextWriter(taking, node, node.notPrimary(), done);
    },
    onRefused: (error) => takeNextWriter(taking, node, error, done),
  });
}

/** @param error why the former node gave no connection */
function takeNextWriter(taking: Taking, former: PgNode, error: unknown, done: Done): void {
  const { cluster, pinned, until } = taking;
  const now = cluster.clock.now();
  if ((former === cluster.presumed && !isNotPrimary(error)) || !isNotTaken(error)) return done(error);
  if (until !== undefined && now >= until) {
    return done(isNotPrimary(error) ? error : noPrimary(cluster, pinned, error));
  }
  cluster
    .suspect(former, error)
    .then(() => (until === undefined ? undefined : rest(cluster.clock)))
    .then(() => cluster.waitForPrimary(pinned))
    .then(
      (next) => takeWriter({ ...taking, until: until ?? now + cluster.settings.waitMs }, next, done),
      done,
    );
}

/** Whether an error in connecting may mean that the primary is another node by now. */
function isNotTaken(error: unknown): boolean {
  return error instanceof ReplicationError ? isNotPrimary(error) : readFailure(error) === 'lost';
}

function isNotPrimary(error: unknown): boolean {
  return error instanceof ReplicationError && error.code === 'ERR_NOT_PRIMARY';
}
