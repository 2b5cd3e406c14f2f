import type { AbstractHttpAdapter } from '@nestjs/core';
import type { ReplicationConfig } from '@node-replicated/core';
import { replication, replicationHook } from '@node-replicated/fastify';
import { replicationHandler } from '@node-replicated/node-http';
import type { FastifyInstance } from 'fastify';

const opening = new WeakSet<AbstractHttpAdapter>();

/**
 * Makes an application's server open a scope for each request, before anything else that the application mounts.
 * Where the module is imported twice, the first import counts.
 *
 * @returns what to wait for before routes are added
 */
export function openRequests(adapter: AbstractHttpAdapter, config: ReplicationConfig): PromiseLike<unknown> {
  const done = Promise.resolve();
  if (opening.has(adapter)) return done;
  opening.add(adapter);
  if (adapter.getType() !== 'fastify') {
    adapter.use(replicationHandler(config));
    return done;
  }
  // Nest's middleware runs in a hook that stands before those of plugins; this one stands before it. There is but one.
  if (Reflect.get(adapter, 'onRequestHook') === undefined) adapter.setOnRequestHook(replicationHook(config));
  return adapter.getInstance<FastifyInstance>().register(replication, config);
}
