/** What has to happen so that the nodes that are known become those that were found. */
export interface NodeChanges<N> {
  /** Nodes that are new, and nodes that have become another under their name. */
  readonly added: readonly N[];
  /** The names of nodes that are gone, and of those that have become another. */
  readonly removed: readonly string[];
}

/**
 * Compares two lists of nodes by their names.
 *
 * @param isSame whether two nodes of one name are one: the same address, and the same settings
 */
export function compareNodes<N extends { readonly name: string }>(
  known: Iterable<N>,
  found: readonly N[],
  isSame: (a: N, b: N) => boolean,
): NodeChanges<N> {
  const left = new Map([...known].map((node) => [node.name, node]));
  const added = found.filter((node) => {
    const before = left.get(node.name);
    if (before === undefined || !isSame(before, node)) return true;
    left.delete(node.name);
    return false;
  });
  return { added, removed: [...left.keys()] };
}
