import type { Scope } from '@node-replicated/core/adapter';

const carried: unique symbol = Symbol('node-replicated.scope');

/** A request, or a response, which has its request at hand. */
interface Carrier {
  [carried]?: Scope;
  readonly rawHeaders?: unknown;
  readonly req?: Carrier;
}

/** Gives a request its scope. */
export function carryScope(req: object, scope: Scope): void {
  placeOf(req)[carried] = scope;
}

/**
 * Gives a response its scope, where that is none of Express: those who inject requests may make one that knows of
 * another request.
 */
export function carryOnResponse(res: object, scope: Scope): void {
  if (carriedScope(res) !== scope) placeOf(res)[carried] = scope;
}

/** The scope of a request, or of the request of a response; undefined before it has one. */
export function carriedScope(message: object): Scope | undefined {
  const place = placeOf(message);
  if (place !== message || place[carried] !== undefined) return place[carried];
  return place.req === undefined ? undefined : placeOf(place.req)[carried];
}

/**
 * The list of a request's headers, as it came: every request has one of its own, and keeps it. The request itself
 * would cost more, as Express gives each a hidden class of its own, which is copied when a property is added. For the
 * same reason nothing is looked for there that is not there.
 */
function placeOf(message: object): Carrier {
  const { rawHeaders } = message as Carrier;
  return (Array.isArray(rawHeaders) ? rawHeaders : message) as Carrier;
}
