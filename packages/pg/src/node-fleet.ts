import type { NodeDescription } from '@node-replicated/core/cluster';
import type { PgNode } from './node.js';

/** The nodes of a cluster, those that were removed while something is under way there, and what is being closed. */
export class NodeFleet {
  readonly #nodes = new Map<string, PgNode>();
  readonly #leaving = new Set<PgNode>();
  #closing: Promise<unknown>[] = [];

  /** The nodes of the cluster, by their names. */
  get nodes(): ReadonlyMap<string, PgNode> {
    return this.#nodes;
  }

  /** The nodes of the cluster, and those that leave it. */
  get all(): readonly PgNode[] {
    return [...this.#nodes.values(), ...this.#leaving];
  }

  /** The nodes that were removed, until what is under way there has ended. */
  get leaving(): ReadonlySet<PgNode> {
    return this.#leaving;
  }

  add(node: PgNode): void {
    this.#nodes.set(node.name, node);
  }

  /**
   * Nothing new is asked of a node from now on.
   *
   * @param watchOn watches it while something is under way there, and gives a function that ends that
   */
  remove(node: PgNode, watchOn: () => () => void): void {
    this.#nodes.delete(node.name);
    this.#leaving.add(node);
    const stopWatching = watchOn();
    const left = node.leave().finally(() => {
      this.#leaving.delete(node);
      stopWatching();
    });
    this.awaitClosing(left);
  }

  /** The node that a description is of; undefined once it was removed. */
  of(description: NodeDescription | undefined): PgNode | undefined {
    return description === undefined ? undefined : this.#nodes.get(description.node);
  }

  /** The nodes that descriptions are of. */
  allOf(descriptions: readonly NodeDescription[]): readonly PgNode[] {
    return descriptions.map((description) => this.of(description)).filter((node) => node !== undefined);
  }

  /** Remembers what is about to be closed, so that {@link NodeFleet.close} waits for it. */
  awaitClosing(closing: Promise<void>): void {
    const closed = closing.finally(() => {
      this.#closing = this.#closing.filter((other) => other !== closed);
    });
    this.#closing.push(closed);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.close()));
    await Promise.all(this.#closing);
  }
}
