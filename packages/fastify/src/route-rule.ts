import type { RoleRule } from '@node-replicated/core';
import { toRoleRule } from '@node-replicated/core/adapter';
import type { FastifyContextConfig, FastifyRequest, RouteOptions } from 'fastify';

/** Fastify copies a route's config, symbols included, so the compiled rule travels in it. */
const compiled: unique symbol = Symbol('node-replicated.rule');

type CompiledConfig = FastifyContextConfig & { [compiled]?: RoleRule };

/**
 * Compiles what a route's `config.replication` forces, while the route is registered.
 *
 * @throws ERR_ROLE or ERR_OPTION, naming the route
 */
export function compileRouteRule(route: RouteOptions): void {
  const { config, method, url } = route;
  if (config?.replication === undefined) return;
  const rule = toRoleRule(config.replication, `route ${String(method)} ${url}`);
  route.config = { ...config, [compiled]: rule } as CompiledConfig;
}

/**
 * The rule that a route forces. A route that was registered before the plugin had loaded is compiled here.
 *
 * @throws ERR_ROLE or ERR_OPTION, naming the route
 */
export function routeRule(route: FastifyRequest['routeOptions']): RoleRule | undefined {
  const config: CompiledConfig = route.config;
  if (config.replication === undefined) return undefined;
  const { method, url } = route;
  return config[compiled] ?? toRoleRule(config.replication, `route ${String(method)} ${String(url)}`);
}
