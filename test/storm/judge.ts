import type { Operation } from '../history/history.js';
import type { Condition, Span } from './chronicle.js';
import { always, type Interval, within, without } from './intervals.js';

/** The longest time for which writes were possible and none was acknowledged. */
export interface Outage extends Interval {
  readonly ms: number;
}

/**
 * The reads that failed although a node was usable that could have served them.
 *
 * - A node can serve anybody who has never written while it is fit; who has written is only sure to be served by
 *   the primary. (A replica that has caught up may serve too, and does; whether it had is not judged here.)
 * - A node counts as usable from `graceMs` after it has become able to serve until it stops: for so long it may
 *   take the application to find out.
 * - A failed read is not excused if a node was usable at the moment when it failed, or for `graceMs` on end
 *   between its beginning and its end.
 *
 * A chronicle says that a node is unfit from before the fault until after it was undone, so a read that a fault
 * breaks ends when the node is unfit.
 *
 * @param hasWritten whether a session ever writes
 */
export function unexcusedReads(
  operations: readonly Operation[],
  spans: readonly Span[],
  nodes: readonly string[],
  hasWritten: (session: string) => boolean,
  graceMs: number,
): readonly Operation[] {
  const anybody = nodes.flatMap((node) => without([always], conditionOf(spans, 'unfit', node)));
  const writers = nodes.flatMap((node) => servingPrimary(spans, node));
  return operations.filter(
    ({ kind, failure, session, start, end }) =>
      kind === 'read' &&
      failure !== undefined &&
      (hasWritten(session) ? writers : anybody).some((fit) =>
        isUsable(fit, { from: start, until: end }, graceMs),
      ),
  );
}

/**
 * The longest outage of writes beyond what no client can avoid: the time without an acknowledged write, of which
 * only that counts during which there was a fit primary, and a replica that confirmed commits to it at once.
 */
export function longestOutage(
  operations: readonly Operation[],
  spans: readonly Span[],
  nodes: readonly string[],
  during: Interval,
): Outage {
  const acknowledged = operations
    .filter(({ kind, failure }) => kind === 'write' && failure === undefined)
    .map(({ end }) => end)
    .toSorted((a, b) => a - b);
  const gaps = within(writable(spans, nodes), [during]).flatMap(({ from, until }) => {
    const ends = [...acknowledged.filter((end) => from < end && end < until), until];
    return ends.map((end, index) => ({ from: ends[index - 1] ?? from, until: end }));
  });
  return gaps
    .map((gap) => ({ ...gap, ms: gap.until - gap.from }))
    .reduce((longest, gap) => (gap.ms > longest.ms ? gap : longest), {
      ...during,
      until: during.from,
      ms: 0,
    });
}

/** When a commit could be acknowledged. */
function writable(spans: readonly Span[], nodes: readonly string[]): readonly Interval[] {
  return nodes.flatMap((primary) => {
    const replicas = nodes.filter((node) => node !== primary);
    const unconfirmed = replicas
      .map((node) => conditionOf(spans, 'mute', node))
      .reduce((some, others) => within(some, others), [always]);
    return without(servingPrimary(spans, primary), unconfirmed);
  });
}

function servingPrimary(spans: readonly Span[], node: string): readonly Interval[] {
  return without(conditionOf(spans, 'primary', node), conditionOf(spans, 'unfit', node));
}

function conditionOf(spans: readonly Span[], condition: Condition, node: string): readonly Interval[] {
  return spans.filter((span) => span.condition === condition && span.node === node);
}

function isUsable(fit: Interval, read: Interval, graceMs: number): boolean {
  const from = Math.max(fit.from + graceMs, read.from);
  const until = Math.min(fit.until, read.until);
  return from <= until && (until === read.until || until - from >= graceMs);
}
