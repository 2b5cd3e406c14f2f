import type { Violations } from './checker.js';
import type { Operation } from './history.js';

/** One line about a run, for whoever watches the tests. */
export function summary(operations: readonly Operation[], violations: Violations): string {
  const reads = operations.filter(({ kind }) => kind === 'read');
  const onReplicas = reads.filter(({ node }) => node !== undefined && node !== 'primary');
  const share = reads.length === 0 ? 0 : Math.round((100 * onReplicas.length) / reads.length);
  const reasons = [...countsOf(reads.map(({ node, reason }) => `${node} ${reason}`))].sort();
  return [
    `${operations.length - reads.length} writes, ${reads.length} reads, ${share} % of them on replicas`,
    `(${reasons.map(([what, count]) => `${what} ${count}`).join(', ')})`,
    `violations: ${violations.readYourWrites.length} read-your-writes,`,
    `${violations.monotonicReads.length} monotonic reads,`,
    `${violations.lostWrites.length} lost, ${violations.doubledWrites.length} doubled`,
  ].join(' ');
}

/** Why reads were served by nodes of a role. */
export function reasonsOn(
  operations: readonly Operation[],
  role: 'primary' | 'replica',
): ReadonlySet<unknown> {
  const served = operations.filter(
    ({ kind, node }) => kind === 'read' && (node === 'primary' ? 'primary' : 'replica') === role,
  );
  return new Set(served.map(({ reason }) => reason));
}

function countsOf(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
