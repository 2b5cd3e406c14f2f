import { isReadOnly } from './cluster-registry.js';
import type { NodeUse } from './node-use.js';
import type { ReplicationConfig } from './options.js';
import { pinCookie, seenCookie } from './pin-cookie.js';
import { encodePin } from './pin-token.js';
import type { Reason } from './policy.js';
import type { RequestFacts } from './request-facts.js';
import type { Role } from './role.js';
import { currentScope, Scope, stateOf } from './scope.js';
import { Session } from './session.js';

/** Opens the scope of a request. It decides nothing yet: decorators and route settings come later. */
export function openRequest(config: ReplicationConfig, facts: RequestFacts): Scope {
  return new Scope(new Session({ config, facts }));
}

/**
 * To be awaited before the response headers leave, where that is possible: a pin made without it holds by time
 * alone, to its full age.
 *
 * @returns undefined when there is nothing to wait for, as for every request that has not written
 */
export function readyToSeal({ session }: Scope): Promise<unknown> | undefined {
  return session.settle();
}

/** What a response says of replication, besides what the application says. */
export interface Seal {
  /** A `Set-Cookie` value, to stand beside the application's own. */
  readonly cookie: string | undefined;
  /** A header that carries the pin. */
  readonly token: { readonly name: string; readonly value: string } | undefined;
  /** Whether caches must not share the response, unless the application says otherwise. */
  readonly isPrivate: boolean;
}

/**
 * To be called when the response headers are about to leave. From then on, writes of this request are late.
 *
 * @returns what pins the client; undefined when the request did nothing that moves its pin
 */
export function sealResponse({ session }: Scope): Seal | undefined {
  const { config, facts, movedPin } = session;
  session.sealHeaders();
  if (movedPin === undefined || config === undefined || facts === undefined) return undefined;
  const { pin: times, cookie, tokenHeader, signer, monotonicReads } = config;
  if (times === false) return undefined;
  const tokens = session.carried?.tokens ?? [];
  const token = config.lineages.follow(tokens, movedPin, (pin) => encodePin(pin, signer));
  const carrier = cookie !== false && !session.wrote() ? seenCookie(cookie) : cookie;
  return {
    cookie: carrier === false ? undefined : pinCookie(token, carrier, times.maxAgeMs, facts.secure),
    token: tokenHeader === false ? undefined : { name: tokenHeader, value: token },
    isPrivate: monotonicReads,
  };
}

/** What a handler sees as `req.replication` or `request.replication`. */
export class RequestReplication {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** The role under which the caller's next statement runs, for the pool called `main`. */
  get role(): Role {
    return stateOf(this.#here(), 'main').role;
  }

  /** Why it is that role. */
  get reason(): Reason {
    return stateOf(this.#here(), 'main').reason;
  }

  /** Whether a cluster has no primary just now, so that nothing can be written. */
  get readOnly(): boolean {
    return isReadOnly();
  }

  /** Whether this request has written. */
  get wrote(): boolean {
    return this.#scope.session.wrote();
  }

  /** The nodes that have served this request so far. */
  get nodes(): readonly NodeUse[] {
    return this.#scope.session.uses;
  }

  /** A decorator or `usePrimary()` may have opened a scope of its own inside the request's. */
  #here(): Scope {
    const current = currentScope();
    return current?.session === this.#scope.session ? current : this.#scope;
  }
}
