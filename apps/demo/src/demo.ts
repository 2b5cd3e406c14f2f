import { randomBytes } from 'node:crypto';
import { defineReplication } from '@node-replicated/core';
import { type LocalCluster, startCluster } from '@node-replicated/local-cluster';
import { ReplicatedPool } from '@node-replicated/pg';
import { allNodesUp } from './all-nodes-up.js';
import { Database } from './database.js';
import type { DemoServer } from './demo-server.js';
import { startExpress } from './express-server.js';
import { startFastify } from './fastify-server.js';
import { Lab } from './lab.js';
import { LabController } from './lab-controller.js';
import { ModerationController } from './moderation-controller.js';
import { PostsController } from './posts-controller.js';
import { PostsRepository } from './posts-repository.js';
import { RecentRequests } from './recent-requests.js';
import { Responder } from './responder.js';
import { overrides, type Route, routesOf } from './routes.js';
import { createSchema } from './schema.js';
import { StatsController } from './stats-controller.js';
import { StatsRepository } from './stats-repository.js';

export interface DemoOptions {
  /** 0: any that is free. */
  readonly expressPort: number;
  /** 0: any that is free. */
  readonly fastifyPort: number;
  /** Gives up starting. */
  readonly signal: AbortSignal;
}

/** A primary, two replicas, and two servers over one pool. */
export interface Demo extends AsyncDisposable {
  readonly cluster: LocalCluster;
  readonly servers: readonly DemoServer[];
  /** Waits until every node is in use and every replica shows what was written. */
  settled(signal: AbortSignal): Promise<void>;
}

/** Starts everything; what fails half-way leaves nothing behind. */
export async function startDemo({ expressPort, fastifyPort, signal }: DemoOptions): Promise<Demo> {
  const cluster = await startCluster({ replicas: 2, signal });
  const stops: (() => Promise<void>)[] = [() => cluster.stop()];
  try {
    const pool = openPool(cluster);
    stops.push(() => pool.end());
    await createSchema(pool);
    const settled = async (until: AbortSignal): Promise<void> => {
      await allNodesUp(pool, until);
      await cluster.waitForCatchUp({ signal: until });
    };
    await settled(signal);
    const recent = new RecentRequests();
    const parts = {
      routes: buildRoutes(cluster, pool, recent),
      responder: new Responder(recent),
      // The database of the demo does not outlive it, so its pins need not either.
      replication: defineReplication({ secret: randomBytes(32).toString('base64url'), overrides }),
    };
    const express = await startExpress({ ...parts, port: expressPort });
    stops.push(() => express.stop());
    const fastify = await startFastify({ ...parts, port: fastifyPort });
    stops.push(() => fastify.stop());
    signal.throwIfAborted();
    const servers = [express, fastify];
    return { cluster, servers, settled, [Symbol.asyncDispose]: () => stopAll(stops) };
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
}

function openPool(cluster: LocalCluster): ReplicatedPool {
  return new ReplicatedPool({
    nodes: cluster.nodes.map(({ name, url }) => ({ name, connectionString: url })),
    // Who plays with replicas does not want to wait for what the pool makes of it.
    probeIntervalMs: 500,
    downtimeMs: 500,
  });
}

function buildRoutes(cluster: LocalCluster, pool: ReplicatedPool, recent: RecentRequests): readonly Route[] {
  const nodeAt = (port: number): string =>
    cluster.nodes.find(({ serverPort }) => serverPort === port)?.name ?? `a stranger on port ${port}`;
  const database = new Database(pool, nodeAt);
  const posts = new PostsRepository(database);
  return routesOf({
    posts: new PostsController(posts),
    moderation: new ModerationController(posts),
    stats: new StatsController(new StatsRepository(database)),
    lab: new LabController(new Lab(cluster), pool, recent),
  });
}

/** Stops the last one first; one that fails does not keep the others from stopping. */
async function stopAll(stops: readonly (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const stop of stops.toReversed()) await stop().catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw new AggregateError(errors, 'The demo did not stop in order.');
}
