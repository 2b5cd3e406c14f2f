import { eventChannel, type Reason, type Session } from '@node-replicated/core/adapter';
import type { PgNode } from './node.js';

const statements = eventChannel('statement');

/**
 * Notes in the request, and tells whoever listens, that a statement has run.
 *
 * @param session which of the node's two pools served it
 */
export function traceStatement(
  request: Session | undefined,
  cluster: string,
  node: PgNode,
  onPrimary: boolean,
  session: 'reader' | 'writer',
  reason: Reason,
): void {
  const role = onPrimary ? 'primary' : 'replica';
  request?.noteUse(node.name, role, reason);
  if (!statements.hasSubscribers) return;
  statements.publish({ cluster, request: request?.request, node: node.name, role, reason, session });
}
