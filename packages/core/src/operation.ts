/**
 * What of GraphQL a request does. It says more than the HTTP method, which is POST for all of them:
 * - a `query` reads;
 * - a `subscription` reads what has just been written, by anybody;
 * - a `mutation` writes.
 */
export type OperationType = 'query' | 'subscription' | 'mutation';

const reach: Readonly<Record<OperationType, number>> = { query: 0, subscription: 1, mutation: 2 };

/** Of all that one request does, what counts: it may be a batch, whose parts run at the same time. */
export function furtherOperation(entered: OperationType | undefined, next: OperationType): OperationType {
  return entered !== undefined && reach[entered] > reach[next] ? entered : next;
}
