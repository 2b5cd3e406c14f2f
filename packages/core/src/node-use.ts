import type { Reason } from './policy.js';
import type { Role } from './role.js';

/** A node that has served the request, in which role and why. */
export interface NodeUse {
  readonly node: string;
  readonly role: Role;
  readonly reason: Reason;
}

/** Notes a use, once, however often it is made. */
export function addUse(uses: NodeUse[], node: string, role: Role, reason: Reason): void {
  for (const use of uses) {
    if (use.node === node && use.reason === reason && use.role === role) return;
  }
  uses.push({ node, role, reason });
}
