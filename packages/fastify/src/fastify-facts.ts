import type { RoleRule } from '@node-replicated/core';
import type { RequestFacts } from '@node-replicated/core/adapter';
import type { FastifyRequest } from 'fastify';
import { routeRule } from './route-rule.js';

/** The facts of a Fastify request, as the server got it. */
export class FastifyFacts implements RequestFacts {
  readonly method: string;
  readonly path: string;
  readonly headers: RequestFacts['headers'];
  readonly #request: FastifyRequest;
  #routeOptions: FastifyRequest['routeOptions'] | undefined;

  constructor(request: FastifyRequest) {
    this.#request = request;
    this.method = request.method;
    this.path = request.originalUrl;
    this.headers = request.headers;
  }

  get request(): object {
    return this.#request;
  }

  /** Asked for only when a pin is made, as Fastify has to consult its trust settings. */
  get secure(): boolean {
    return this.#request.protocol === 'https';
  }

  get route(): string | undefined {
    return this.#route.config.name;
  }

  /** @throws ERR_ROLE or ERR_OPTION, naming the route, if that was registered before the plugin had loaded */
  get rule(): RoleRule | undefined {
    return routeRule(this.#route);
  }

  /** Asked for only when a statement needs a decision, as Fastify makes these options anew each time. */
  get #route(): FastifyRequest['routeOptions'] {
    this.#routeOptions ??= this.#request.routeOptions;
    return this.#routeOptions;
  }
}
