import { currentScope, type OperationType } from '@node-replicated/core/adapter';

/** What is read of a parsed document: the `DocumentNode` of any version of graphql-js. */
export interface GraphqlDocument {
  readonly definitions: readonly GraphqlDefinition[];
}

interface GraphqlDefinition {
  readonly kind: string;
  readonly operation?: string;
  readonly name?: { readonly value: string } | undefined;
}

const types: ReadonlySet<string | undefined> = new Set<OperationType>(['query', 'mutation', 'subscription']);

/**
 * Makes the request that is under way go by the operation that it asks for, in place of its HTTP method: a query reads
 * from replicas, a mutation writes to the primary, and a subscription reads from the primary. Decorators,
 * `usePrimary()`, overrides and the client's pin count as ever. To be called when the document is parsed, before
 * anything asks the database; where a request has several operations, once for each.
 *
 * Nothing changes outside a request, and where the document has no such operation.
 *
 * @param document the parsed document
 * @param operationName which of its operations runs; undefined or null where there is only one
 */
export function followOperation(document: GraphqlDocument, operationName?: string | null): void {
  const type = typeOf(document, operationName ?? undefined);
  if (type !== undefined) currentScope()?.session.enterOperation(type);
}

function typeOf(
  { definitions }: GraphqlDocument,
  operationName: string | undefined,
): OperationType | undefined {
  const operations = definitions.filter(({ kind }) => kind === 'OperationDefinition');
  const named = operations.filter(({ name }) => operationName === undefined || name?.value === operationName);
  const [one, another] = named;
  // What is ambiguous will not run.
  return another === undefined && isType(one?.operation) ? one?.operation : undefined;
}

function isType(operation: string | undefined): operation is OperationType {
  return types.has(operation);
}
