import { type Decision, type Reason, requiresPosition } from '@node-replicated/core/adapter';

/** Why a read that was meant for a replica is served by the primary. */
export function fallbackReason(decision: Decision): Reason {
  return requiresPosition(decision) ? 'pin' : 'no-replica';
}
