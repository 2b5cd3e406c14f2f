import { defineReplication, type Overrides } from '@node-replicated/core';
import { openRequest, runInScope, type Scope } from '@node-replicated/core/adapter';

/** Opens the scope of a request, as an HTTP adapter does. */
export function requestScope(method: string, overrides: Overrides = {}): Scope {
  const config = defineReplication({ secret: 'a secret of the tests, 32 bytes or more', overrides });
  return openRequest(config, { method, path: '/posts', headers: {}, secure: false });
}

/** Runs a function as the handler of a request. */
export function inRequest<T>(method: string, fn: () => T, overrides?: Overrides): T {
  return runInScope(requestScope(method, overrides), fn);
}
