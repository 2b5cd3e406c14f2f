import {
  defineReplication,
  type ReplicationConfig,
  type ReplicationOptions,
  type RoleRuleInput,
} from '@node-replicated/core';
import {
  currentScope,
  openRequest,
  RequestReplication,
  readOnlyAnswer,
  readyToSeal,
  runInScope,
  type Scope,
} from '@node-replicated/core/adapter';
import { attachScope } from '@node-replicated/node-http';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { FastifyFacts } from './fastify-facts.js';
import { compileRouteRule } from './route-rule.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The state of replication for this request. */
    replication: RequestReplication;
  }
  interface FastifyContextConfig {
    /** Forces where the statements of this route go. */
    replication?: RoleRuleInput;
    /** The name under which the override map knows this route. */
    name?: string;
  }
}

const carried = Symbol('node-replicated.scope');

type Carrier = FastifyRequest & { [carried]?: Scope };

type Done = (error?: Error) => void;
type DoneSending = (error: Error | null, payload: unknown) => void;

/**
 * The Fastify plugin that opens a scope for each request of the server it is registered in. Its options are
 * those of every adapter. Register it before the routes, and `await` that: Fastify shows a plugin only the routes
 * that come after it.
 *
 * The pin is added when the headers really leave rather than in an `onSend` hook: so it survives hijacked
 * replies, `reply.raw.writeHead()`, other plugins' `onSend` hooks that write, and replies that fail half-way.
 *
 * It throws ERR_OPTION, ERR_SECRET, ERR_OVERRIDE or ERR_ROLE at start-up, naming the option or the route.
 */
export const replication: FastifyPluginAsync<ReplicationOptions | ReplicationConfig> = fastifyPlugin(
  register,
  {
    name: '@node-replicated/fastify',
    fastify: '5.x',
  },
);

/**
 * Makes the hook with which the plugin opens a request's scope, for who can run it before the hooks of all plugins,
 * as the Nest module can. The plugin is needed all the same: it keeps the scope, and the response's position.
 *
 * @throws ERR_OPTION, ERR_SECRET, ERR_OVERRIDE or ERR_ROLE, naming the option
 */
export function replicationHook(
  options?: ReplicationOptions | ReplicationConfig,
): (request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void) => void {
  const config = defineReplication(options);
  return (request, reply, next) => openScope(config, request, reply, next);
}

/** Asynchronous, so that Fastify hands what it throws to whoever awaits the registration. */
async function register(
  server: FastifyInstance,
  options: ReplicationOptions | ReplicationConfig,
): Promise<void> {
  server.decorateRequest('replication', { getter: replicationOf });
  server.decorateRequest(carried);
  server.addHook('onRequest', replicationHook(options));
  // Hooks of others may lose the scope, so each stage enters it anew; so does the last step before a handler.
  server.addHook('preValidation', enterScope);
  server.addHook('preHandler', enterScope);
  server.addHook('onSend', waitForPositions);
  server.addHook('onRoute', (route) => {
    compileRouteRule(route);
    route.preHandler = [...[route.preHandler ?? []].flat(), enterScope];
  });
}

function openScope(config: ReplicationConfig, request: Carrier, reply: FastifyReply, next: Done): void {
  if (request[carried] !== undefined) return enterScope(request, reply, next);
  const scope = openRequest(config, new FastifyFacts(request));
  request[carried] = scope;
  attachScope(request.raw, reply.raw, scope);
  const refusal = readOnlyAnswer(scope);
  if (refusal === undefined) runInScope(scope, next);
  else reply.code(refusal.status).headers(refusal.headers).send(refusal.body);
}

/** Its type says that it is there: before the plugin's first hook, it is not. */
function replicationOf(this: FastifyRequest): RequestReplication {
  const scope = (this as Carrier)[carried];
  return (scope === undefined ? undefined : new RequestReplication(scope)) as RequestReplication;
}

function enterScope(request: Carrier, _reply: FastifyReply, next: Done): void {
  const scope = request[carried];
  if (scope === undefined || currentScope()?.session === scope.session) next();
  else runInScope(scope, next);
}

/** Replies that come this way need not be held. Those that bypass it, such as hijacked ones, are held further down. */
function waitForPositions(request: Carrier, _reply: FastifyReply, payload: unknown, next: DoneSending): void {
  const scope = request[carried];
  const ready = scope === undefined ? undefined : readyToSeal(scope);
  if (ready === undefined) next(null, payload);
  else
    ready.then(
      () => next(null, payload),
      () => next(null, payload),
    );
}
