import { eventChannel, type Reason, type Session } from '@node-replicated/core/adapter';
import type { PgNode } from './node.js';
import type { PgCluster } from './pg-cluster.js';

const statements = eventChannel('statement');

/**
 * Notes in the request, and tells whoever listens, that a statement has run.
 *
 * @param session which of the node's two pools served it
 */
export function traceStatement(
  request: Session | undefined,
  cluster: PgCluster,
  node: PgNode,
  onPrimary: boolean,
  session: 'reader' | 'writer',
  reason: Reason,
): void {
  const role = onPrimary ? 'primary' : 'replica';
  request?.noteUse(node.name, role, reason);
  request?.noteRead(cluster, node.name);
  if (!statements.hasSubscribers) return;
  statements.publish({
    cluster: cluster.name,
    request: request?.request,
    node: node.name,
    role,
    reason,
    session,
  });
}
