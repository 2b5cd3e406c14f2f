import { type PinObserver, readyToSeal, type Scope, sealResponse } from '@node-replicated/core/adapter';
import { type AddedHeader, beforeHeaders } from './before-headers.js';
import { bindToScope } from './bind-to-scope.js';
import { holdResponse } from './hold-response.js';
import type { HttpRequest, HttpResponse } from './http-facts.js';
import { isKept } from './lowest-layer.js';
import { serverTiming } from './server-timing.js';

/**
 * Ties a scope to a request and its response: their listeners run in it, and when the request does what moves its
 * client's pin, the response waits for the position of that and carries the pin. For those who write an adapter.
 *
 * The response's headers are watched from that moment on, so a request that only reads pays nothing for it.
 */
export function attachScope(req: HttpRequest, res: HttpResponse, scope: Scope): void {
  scope.session.pinObserver = new PinBearer(res, scope);
  if (scope.session.config?.serverTiming === true) beforeHeaders(res, () => timing(scope));
  bindToScope(req, res, scope);
}

/** Has a response carry the pin that its request moves. */
class PinBearer implements PinObserver {
  readonly #res: HttpResponse;
  readonly #scope: Scope;

  constructor(res: HttpResponse, scope: Scope) {
    this.#res = res;
    this.#scope = scope;
  }

  pinMoves(): void {
    const res = this.#res;
    const scope = this.#scope;
    const isLeaving = isKept(res);
    if (res.headersSent && !isLeaving) {
      sealResponse(scope);
      return;
    }
    beforeHeaders(res, () => sealHeaders(scope));
    if (!isLeaving) holdResponse(res, () => readyToSeal(scope));
  }
}

function timing({ session }: Scope): readonly AddedHeader[] {
  const value = serverTiming(session.uses);
  return value === undefined ? [] : [{ name: 'Server-Timing', value, place: 'beside' }];
}

function sealHeaders(scope: Scope): readonly AddedHeader[] {
  const { cookie, token, isPrivate } = sealResponse(scope) ?? {};
  const headers: AddedHeader[] = [];
  if (cookie !== undefined) headers.push({ name: 'Set-Cookie', value: cookie, place: 'beside' });
  if (token !== undefined) headers.push({ name: token.name, value: token.value, place: 'instead' });
  if (isPrivate === true) headers.push({ name: 'Cache-Control', value: 'private', place: 'unless-set' });
  return headers;
}
