import type { Decision, Session } from '@node-replicated/core/adapter';
import type { PgNode } from './node.js';
import type { PgCluster } from './pg-cluster.js';
import { readFailure } from './sqlstate.js';

/**
 * Where a read goes after a node could not serve it: to each other node that can, and at last to the primary's
 * reader, each once. Where there is none, it gets one chance more on whichever node serves after a look at those
 * that have failed: a connection may be lost although its server is well.
 */
export class ReadRetries {
  readonly #cluster: PgCluster;
  readonly #decision: Decision;
  readonly #session: Session | undefined;
  readonly #failed = new Set<PgNode>();
  #isLastChance = false;

  constructor(cluster: PgCluster, decision: Decision, session: Session | undefined) {
    this.#cluster = cluster;
    this.#decision = decision;
    this.#session = session;
  }

  /**
   * The next node.
   *
   * @param node could not serve; whatever the reason, nothing has been changed there
   * @throws the node's error when the read has had its last chance; ERR_NO_NODE, ERR_NO_PRIMARY or ERR_SPLIT_BRAIN
   *   when no node serves after `failoverWaitMs`
   */
  async next(node: PgNode, error: unknown): Promise<PgNode> {
    const { readers } = this.#cluster;
    const suspected = readFailure(error) === 'conflict' ? undefined : this.#cluster.suspect(node, error);
    if (this.#isLastChance) throw error;
    this.#failed.add(node);
    const other = readers.instead(this.#decision, this.#session, this.#failed);
    if (other !== undefined) return other;
    this.#isLastChance = true;
    await suspected;
    const found = await readers.find(this.#decision, this.#session);
    if (found === undefined) throw this.#cluster.noReader(this.#decision);
    return found;
  }
}
