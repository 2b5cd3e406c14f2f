import { defineReplication, type ReplicationConfig, type ReplicationOptions } from '@node-replicated/core';
import { openRequest, RequestReplication, runInScope } from '@node-replicated/core/adapter';
import { attachScope } from './attach-scope.js';
import { HttpFacts, type HttpRequest, type HttpResponse } from './http-facts.js';

/** Middleware in the style of Connect, for any server whose requests and responses are Node's own. */
export type ReplicationHandler = (
  req: HttpRequest,
  res: HttpResponse,
  next: (error?: unknown) => void,
) => void;

/** A request that has passed a {@link ReplicationHandler}. */
export type Replicated<Request extends HttpRequest> = Request & { readonly replication: RequestReplication };

/**
 * Makes the middleware that opens a request's scope: `next`, and all that it starts, runs in it, and so do the
 * listeners of the request and of the response. The state of replication is at `req.replication`. When the
 * request has written, the response carries the client's pin. Mounted twice, the outer one counts.
 *
 * Mount it after whatever makes requests wait for one another: a queue resumes a request in the context of the
 * one that has just left it.
 *
 * @throws ERR_OPTION, ERR_SECRET, ERR_OVERRIDE or ERR_ROLE, naming the option and what to do
 */
export function replicationHandler(options?: ReplicationOptions | ReplicationConfig): ReplicationHandler {
  const config = defineReplication(options);
  return (req: HttpRequest & { replication?: unknown }, res, next): void => {
    if (req.replication instanceof RequestReplication) {
      next();
      return;
    }
    const scope = openRequest(config, new HttpFacts(req));
    req.replication = attachScope(req, res, scope);
    runInScope(scope, () => next());
  };
}
