import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { RequestFacts } from '@node-replicated/core/adapter';

/** A request of `node:http`, or of the compatibility API of `node:http2`. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;

/** A response of `node:http`, or of the compatibility API of `node:http2`. */
export type HttpResponse = ServerResponse | Http2ServerResponse;

/** What frameworks of the Connect family add to a request. */
interface FrameworkRequest {
  /** The URL before a router cut its mount path off. */
  readonly originalUrl?: unknown;
  /** Express: whether the client speaks HTTPS, to this server or to a proxy that is trusted. */
  readonly secure?: unknown;
}

/** The facts of a request, as the server got it. */
export class HttpFacts implements RequestFacts {
  readonly method: string;
  readonly path: string;
  readonly headers: RequestFacts['headers'];
  readonly #req: HttpRequest & FrameworkRequest;

  constructor(req: HttpRequest) {
    this.#req = req;
    this.method = req.method ?? 'GET';
    this.path = typeof this.#req.originalUrl === 'string' ? this.#req.originalUrl : (req.url ?? '/');
    this.headers = req.headers;
  }

  get request(): object {
    return this.#req;
  }

  /** Asked for only when a pin is made, as Express has to consult its trust settings. */
  get secure(): boolean {
    const { secure, socket } = this.#req;
    return typeof secure === 'boolean' ? secure : 'encrypted' in socket && socket.encrypted === true;
  }
}
