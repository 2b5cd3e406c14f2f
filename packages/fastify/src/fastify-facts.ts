import type { RequestFacts } from '@node-replicated/core/adapter';
import type { FastifyRequest } from 'fastify';

/** The facts of a Fastify request. */
export class FastifyFacts implements RequestFacts {
  readonly method: string;
  readonly path: string;
  readonly headers: RequestFacts['headers'];
  readonly route: string | undefined;
  readonly #request: FastifyRequest;

  /** @param route the name under which the override map knows the request's route */
  constructor(request: FastifyRequest, route: string | undefined) {
    this.#request = request;
    this.method = request.method;
    this.path = request.originalUrl;
    this.headers = request.headers;
    this.route = route;
  }

  get request(): object {
    return this.#request;
  }

  /** Asked for only when a pin is made, as Fastify has to consult its trust settings. */
  get secure(): boolean {
    return this.#request.protocol === 'https';
  }
}
