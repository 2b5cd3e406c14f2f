import type { ReplicationEvents } from '../src/events.js';

/** One event of each kind, with all that it may carry. */
export const sampleEvents: ReplicationEvents = {
  statement: {
    cluster: 'main',
    request: 'GET /reset/s3cret-token',
    node: 'replica-1',
    role: 'replica',
    reason: 'method',
    session: 'reader',
  },
  'pin-ignored': { fault: 'expired' },
  'pin-store-failed': { operation: 'get', error: 'connection refused' },
  'late-write': { cluster: 'main', request: 'POST /reset/s3cret-token' },
  'write-in-replica-scope': { cluster: 'main', request: 'GET /reset/s3cret-token' },
  'fallback-to-primary': { cluster: 'main', reason: 'no-replica' },
  'dirty-release': { cluster: 'main', node: 'primary' },
  'node-changed': {
    cluster: 'main',
    node: 'replica-1',
    from: 'up',
    to: 'down',
    role: 'replica',
    error: 'connection refused',
  },
  'stale-read': { cluster: 'main', node: 'b', request: 'GET /notes' },
  overloaded: { cluster: 'main', node: 'a' },
  'primary-changed': { cluster: 'main', from: 'a', to: 'b' },
  'read-only-changed': { cluster: 'main', readOnly: true },
  'node-rejected': { cluster: 'main', node: 'replica-1', error: 'password authentication failed' },
  'primary-fenced': { cluster: 'main', node: 'primary', timeline: 1, newest: 2 },
  'split-brain': { cluster: 'main', nodes: ['a', 'b'] },
  'nodes-changed': { cluster: 'main', added: ['c'], removed: ['a'] },
  'discovery-failed': { cluster: 'main', error: 'no answer' },
};
