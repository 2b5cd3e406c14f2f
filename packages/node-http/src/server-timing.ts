import type { NodeUse } from '@node-replicated/core';

/**
 * Which nodes have served a request, as a value of `Server-Timing`: `replication;desc="replica, method, db-2:5432"`.
 *
 * @returns undefined when none has
 */
export function serverTiming(uses: readonly NodeUse[]): string | undefined {
  if (uses.length === 0) return undefined;
  return uses
    .map(({ node, role, reason }) => `replication;desc="${role}, ${reason}, ${inQuotes(node)}"`)
    .join(', ');
}

/** The name of a node may hold anything; a header holds letters that can be seen. */
function inQuotes(name: string): string {
  return name.replace(/[^ -~]/g, '?').replace(/["\\]/g, '\\$&');
}
