import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalCluster, LocalNode } from '@node-replicated/local-cluster';
import { eventually } from '../integration/stage.js';
import type { Chronicle } from './chronicle.js';

/** Who is what in a cluster whose roles change, and whom an HA engine would promote. */
export class StormedCluster {
  readonly chronicle: Chronicle;
  readonly #cluster: LocalCluster;
  readonly #held = new Set<LocalNode>();
  readonly #reigns: LocalNode[];
  #primary: LocalNode;
  #reign: () => void;

  constructor(cluster: LocalCluster, chronicle: Chronicle) {
    this.#cluster = cluster;
    this.chronicle = chronicle;
    this.#primary = cluster.primary;
    this.#reigns = [cluster.primary];
    this.#reign = chronicle.begin('primary', cluster.primary.name);
  }

  get nodes(): readonly LocalNode[] {
    return this.#cluster.nodes;
  }

  get primary(): LocalNode {
    return this.#primary;
  }

  /** All that have been primary, one for each timeline. */
  get reigns(): readonly LocalNode[] {
    return this.#reigns;
  }

  /** All other nodes, in the order of the list. */
  get replicas(): readonly LocalNode[] {
    return this.nodes.filter((node) => node !== this.#primary);
  }

  /** From now on the primary is none, for applications. */
  dethrone(): void {
    this.#reign();
  }

  /** From now on a node is the primary. */
  enthrone(node: LocalNode): void {
    this.#reign();
    this.#primary = node;
    this.#reigns.push(node);
    this.#reign = this.chronicle.begin('primary', node.name);
  }

  /**
   * The replica that has received most. Any replica may have confirmed a commit, and each of them has what it has
   * confirmed; so of all replicas, the one that is furthest has every commit that was acknowledged. The primary must
   * have been stopped, frozen or cut off, and all replicas must run.
   */
  async heir(): Promise<LocalNode> {
    let [before, now] = ['', await this.#received()];
    for (let look = 0; look < 20 && before !== now; look += 1) {
      await sleep(50);
      [before, now] = [now, await this.#received()];
    }
    const furthest = now
      .split(' ')
      .map((position, index) => ({ bytes: BigInt(position), node: this.replicas[index] }))
      .reduce((most, other) => (other.bytes > most.bytes ? other : most));
    if (furthest.node === undefined) throw new Error('There is no replica to be promoted.');
    return furthest.node;
  }

  /** Waits until a node streams from the primary. */
  async streams(node: LocalNode): Promise<void> {
    await eventually(
      `${node.name} streams`,
      async () => {
        const { rows } = await this.#primary.query(
          "SELECT 1 FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'",
          [node.name],
        );
        return rows.length > 0;
      },
      30_000,
    );
  }

  /** Waits until nobody else has broken the way to a node, and sees to it that nobody does until it is given back. */
  async holdWay(node: LocalNode): Promise<() => void> {
    await eventually(`the way to ${node.name} is free`, () => !this.#held.has(node));
    return this.#hold(node);
  }

  /** The way to the first of some nodes that nobody holds; undefined when there is none. */
  takeWay(
    nodes: readonly LocalNode[],
  ): { readonly node: LocalNode; readonly giveBack: () => void } | undefined {
    const node = nodes.find((one) => !this.#held.has(one));
    return node && { node, giveBack: this.#hold(node) };
  }

  #hold(node: LocalNode): () => void {
    this.#held.add(node);
    return () => this.#held.delete(node);
  }

  /** How many bytes of the primary's log each replica has. */
  async #received(): Promise<string> {
    const bytes = this.replicas.map(async (replica) => {
      const { rows } = await replica.query<{ bytes: string }>(`
        SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn AS bytes`);
      return rows[0]?.bytes ?? '0';
    });
    return (await Promise.all(bytes)).join(' ');
  }
}
