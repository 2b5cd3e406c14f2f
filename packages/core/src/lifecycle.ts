import { isReadOnly } from './cluster-registry.js';
import type { ReplicationConfig } from './options.js';
import { advancePin } from './pin.js';
import { pinCookie } from './pin-cookie.js';
import type { Reason } from './policy.js';
import type { Role } from './role.js';
import { currentScope, Scope, stateOf } from './scope.js';
import { type NodeUse, type RequestFacts, Session } from './session.js';

/**
 * Opens the scope of a request. It decides nothing yet: decorators and route settings come later.
 *
 * @param rule what the route's own settings force, where the framework knows them this early
 */
export function openRequest(config: ReplicationConfig, facts: RequestFacts, rule?: Scope['rule']): Scope {
  return new Scope(new Session(config, facts), rule);
}

/**
 * To be awaited before the response headers leave, where that is possible: a pin made without it holds by time
 * alone, to its full age.
 *
 * @returns undefined when there is nothing to wait for, as for every request that has not written
 */
export function readyToSeal({ session }: Scope): Promise<unknown> | undefined {
  return session.takePositions();
}

/**
 * To be called when the response headers are about to leave. From then on, writes of this request are late.
 *
 * @returns the `Set-Cookie` value that pins the client, or undefined when the request has not written
 */
export function sealResponse({ session }: Scope): string | undefined {
  const { config, facts, written } = session;
  session.sealHeaders();
  if (written.size === 0 || config === undefined || facts === undefined || config.pin === false)
    return undefined;
  return pinCookie(advancePin(session.pin, written, config.now()), config, facts.secure);
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
