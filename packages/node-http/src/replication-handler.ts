import { defineReplication, type ReplicationConfig, type ReplicationOptions } from '@node-replicated/core';
import {
  openRequest,
  type ReadOnlyAnswer,
  RequestReplication,
  readOnlyAnswer,
  runInScope,
} from '@node-replicated/core/adapter';
import { attachScope } from './attach-scope.js';
import { applicationPrototype } from './bind-to-scope.js';
import { carriedScope } from './carry-scope.js';
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
 * request has written, the response carries the client's pin. Mounted twice, the outer one counts. With
 * `refuseWritesWhenReadOnly`, a request that would write while there is no primary is answered here.
 *
 * Mount it after whatever makes requests wait for one another: a queue resumes a request in the context of the
 * one that has just left it.
 *
 * @throws ERR_OPTION, ERR_SECRET, ERR_OVERRIDE or ERR_ROLE, naming the option and what to do
 */
export function replicationHandler(options?: ReplicationOptions | ReplicationConfig): ReplicationHandler {
  const config = defineReplication(options);
  return (req, res, next): void => {
    if (carriedScope(req) !== undefined) {
      next();
      return;
    }
    const scope = openRequest(config, new HttpFacts(req));
    attachScope(req, res, scope);
    showReplication(req);
    const refusal = readOnlyAnswer(scope);
    if (refusal === undefined) runInScope(scope, next);
    else answer(res, refusal);
  };
}

function answer(res: HttpResponse, { status, headers, body }: ReadOnlyAnswer): void {
  res.statusCode = status;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.end(body);
}

const shown = new WeakSet<object>();

/** Gives a request its `replication`: where an application has a prototype for its requests, all of them at once. */
function showReplication(req: HttpRequest): void {
  const prototype = applicationPrototype(req);
  if (prototype !== undefined) {
    if (shown.has(prototype)) return;
    shown.add(prototype);
  }
  Object.defineProperty(prototype ?? req, 'replication', {
    configurable: true,
    get(this: object): RequestReplication | undefined {
      const scope = carriedScope(this);
      return scope === undefined ? undefined : new RequestReplication(scope);
    },
  });
}
