import type { StatementEvent } from '@node-replicated/core';
import { eventChannel, type Reason, type Session } from '@node-replicated/core/adapter';
import type { PgNode } from './node.js';
import type { PgCluster } from './pg-cluster.js';

const statements = eventChannel('statement');

/**
 * Counts a statement that has run, notes it in the request, and tells whoever listens.
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
  cluster.statements[reason] += 1;
  const role = onPrimary ? 'primary' : 'replica';
  request?.noteUse(node.name, role, reason);
  request?.noteRead(cluster, node.name);
  if (!statements.hasSubscribers && !cluster.events.hearsStatements) return;
  const event: StatementEvent = {
    cluster: cluster.name,
    request: request?.request,
    node: node.name,
    role,
    reason,
    session,
  };
  statements.publish(event);
  cluster.events.tell('statement', event);
}
