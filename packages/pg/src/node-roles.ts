import type { Clock } from '@node-replicated/core/cluster';
import type { PgNode } from './node.js';

/** Who of a cluster's nodes is what. */
export class NodeRoles {
  readonly #clock: Clock;
  #primary: PgNode | undefined;
  #presumed: PgNode | undefined;
  #replicas: readonly PgNode[] = [];
  /** Since when there has been no primary, in ms of the clock. */
  #goneSince: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The primary, or undefined when there is none just now. */
  get primary(): PgNode | undefined {
    return this.#primary;
  }

  /** The replicas that may be read from just now. */
  get replicas(): readonly PgNode[] {
    return this.#replicas;
  }

  /** For how many ms there has been no primary. */
  get goneMs(): number {
    return this.#goneSince === undefined ? 0 : this.#clock.now() - this.#goneSince;
  }

  /**
   * The only node, as long as no probe of it was answered. There is no other to wait for, so it is asked for a
   * connection at once, and fails as `pg.Pool` does; each connection still proves that it leads to a primary.
   */
  get presumed(): PgNode | undefined {
    return this.#presumed;
  }

  /** Takes a node for the primary until something is known of one. */
  presume(node: PgNode | undefined): void {
    this.#presumed = node;
  }

  /** A connection to the node has proved that it is the primary, perhaps before any probe was answered. */
  confirm(node: PgNode): boolean {
    if (node === this.#presumed) {
      this.#primary = node;
      node.isPrimary = true;
    }
    return node.isPrimary;
  }

  /** Takes over what was judged. */
  follow(primary: PgNode | undefined, replicas: readonly PgNode[]): void {
    this.#primary = primary;
    this.#goneSince = primary === undefined ? (this.#goneSince ?? this.#clock.now()) : undefined;
    // As long as these are the same, so is the list: what a balancer has worked out for it holds.
    if (!isSameList(replicas, this.#replicas)) this.#replicas = replicas;
  }
}

function isSameList(some: readonly PgNode[], others: readonly PgNode[]): boolean {
  return some.length === others.length && some.every((node, index) => node === others[index]);
}
