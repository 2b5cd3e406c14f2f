import { readyToSeal, type Scope, sealResponse } from '@node-replicated/core/adapter';
import { beforeHeaders } from './before-headers.js';
import { bindToScope } from './bind-to-scope.js';
import { holdResponse } from './hold-response.js';
import type { HttpRequest, HttpResponse } from './http-facts.js';

/**
 * Ties a scope to a request and its response: their listeners run in it, and when the request writes, the
 * response waits for the position of what was written and carries the client's pin. For those who write an
 * adapter.
 *
 * The response's headers are watched from the first write on, so a request that only reads pays nothing for it.
 */
export function attachScope(req: HttpRequest, res: HttpResponse, scope: Scope): void {
  scope.session.onFirstWrite = (): void => {
    if (res.headersSent) {
      sealResponse(scope);
      return;
    }
    beforeHeaders(res, () => sealResponse(scope));
    holdResponse(res, () => readyToSeal(scope));
  };
  bindToScope(req, res, scope);
}
