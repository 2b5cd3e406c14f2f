import type { ReplicationConfig, ReplicationOptions } from '@node-replicated/core';
import type { RequestReplication } from '@node-replicated/core/adapter';
import { type ReplicationHandler, replicationHandler } from '@node-replicated/node-http';

declare global {
  namespace Express {
    interface Request {
      /** The state of replication for this request, once `replicationMiddleware()` has run. */
      replication: RequestReplication;
    }
  }
}

/**
 * Makes the Express middleware that opens a request's scope. Reading requests go to replicas, writing ones to
 * the primary, and a client that has written gets a pin with the response.
 *
 * Mount it once, at the top of the application and before the routers; whether the client speaks HTTPS is
 * `req.secure`, so set `trust proxy` where a proxy stands in front.
 *
 * @throws ERR_OPTION, ERR_SECRET, ERR_OVERRIDE or ERR_ROLE, naming the option and what to do
 */
export function replicationMiddleware(options?: ReplicationOptions | ReplicationConfig): ReplicationHandler {
  return replicationHandler(options);
}
