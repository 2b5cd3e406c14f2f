import { eventChannel, type Reason, type Session } from '@node-replicated/core/adapter';
import type { PgNode } from './node.js';

const statements = eventChannel('statement');

/** Where a statement has run. */
export interface StatementPlace {
  readonly cluster: string;
  readonly node: PgNode;
  readonly onPrimary: boolean;
  /** Which of the node's two pools served it. */
  readonly session: 'reader' | 'writer';
}

/** Notes in the request, and tells whoever listens, that a statement has run. */
export function traceStatement(request: Session | undefined, place: StatementPlace, reason: Reason): void {
  const { cluster, node, onPrimary, session } = place;
  const role = onPrimary ? 'primary' : 'replica';
  request?.noteUse(node.name, role, reason);
  if (statements.hasSubscribers) statements.publish({ cluster, node: node.name, role, reason, session });
}
