/*
 * Whether a node can become a standby as it is, is a question that PostgreSQL answers best: it is
 * started as one, and its log says why streaming is impossible. Messages are in English, since the
 * servers run in the C locale.
 */
const IMPOSSIBLE: readonly RegExp[] = [
  /forked off current database system timeline \d+ before/,
  /is not in this server's history/,
  /is behind recovery timeline/,
  /is not a child of this server's history/,
  /has already been removed/,
  /database system identifier differs/,
];

/** Whether these log lines say that the node will never stream with the data it has. */
export function hasDiverged(log: string): boolean {
  return IMPOSSIBLE.some((pattern) => pattern.test(log));
}
