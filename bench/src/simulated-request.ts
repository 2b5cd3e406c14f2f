import { defineReplication } from '@node-replicated/core';
import { openRequest, type RequestFacts, runInScope, type Scope } from '@node-replicated/core/adapter';

const config = defineReplication({ secret: 'a secret of the benchmark, 32 bytes or more' });

/** A browser's, so with the cookie of some session and without a pin: most requests are of this kind. */
const headers = Object.freeze({
  host: 'localhost:3000',
  accept: 'text/html,application/xhtml+xml',
  'accept-encoding': 'gzip, deflate, br',
  cookie: 'theme=dark; session=s%3A9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d.Zm9vYmFyYmF6cXV4',
});

/** A GET request as an adapter opens it: the scope is made, and the handler runs in it. */
export function simulateGet<T>(handler: () => T, onScope: (scope: Scope) => void): T {
  const facts: RequestFacts = { method: 'GET', path: '/items/1', headers, secure: false };
  const scope = openRequest(config, facts);
  onScope(scope);
  return runInScope(scope, handler);
}
