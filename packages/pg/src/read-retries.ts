import type { Decision, Session } from '@node-replicated/core/adapter';
import { noReader } from './cluster-refusals.js';
import type { PgNode } from './node.js';
import type { PgCluster } from './pg-cluster.js';
import { rest } from './rest.js';
import { readFailure } from './sqlstate.js';
import { staleRead } from './stale-read.js';

/**
 * Where a read goes that no node can serve at once, or that a node could not serve: to each other node that can, and
 * at last to the primary's reader, each once. Where there is none, it gets one chance more on whichever node serves
 * after a look at those that have failed: a connection may be lost although its server is well. As long as it was not
 * sent anywhere after that, it waits for a node as any read does, for `failoverWaitMs` in all.
 */
export class ReadRetries {
  readonly #cluster: PgCluster;
  readonly #session: Session | undefined;
  readonly #failed = new Set<PgNode>();
  #decision: Decision;
  #isLastChance = false;
  /** From when on, in ms of the cluster's clock, it waits no more. */
  #deadline: number | undefined;

  constructor(cluster: PgCluster, decision: Decision, session: Session | undefined) {
    this.#cluster = cluster;
    this.#decision = decision;
    this.#session = session;
  }

  /** The decision that holds now: another one once the read has to make do with less. */
  get decision(): Decision {
    return this.#decision;
  }

  /** Nodes that are not asked again; undefined: none. */
  get without(): ReadonlySet<PgNode> | undefined {
    return this.#failed.size === 0 || this.#isLastChance ? undefined : this.#failed;
  }

  /** Whether a read that waits for a reader of the primary had better choose anew. */
  hasBetter(node: PgNode): boolean {
    return this.#cluster.readers.hasBetter(node, this.#decision, this.#session, this.without);
  }

  /**
   * The node to ask now, perhaps after waiting for one.
   *
   * @throws ERR_NO_NODE, ERR_NO_PRIMARY or ERR_SPLIT_BRAIN when none serves after `failoverWaitMs`
   */
  async choose(): Promise<PgNode> {
    const { readers } = this.#cluster;
    const { without } = this;
    const found =
      readers.now(this.#decision, this.#session, without) ??
      (await readers.find(this.#decision, this.#session, without));
    return found ?? this.#chooseStale();
  }

  /**
   * The next node.
   *
   * @param node could not serve; whatever the reason, nothing has been changed there
   * @param wasSent whether the statement may have reached it
   * @throws the node's error when the read has had its last chance; ERR_NO_NODE, ERR_NO_PRIMARY or ERR_SPLIT_BRAIN
   *   when no node serves after `failoverWaitMs`
   */
  async next(node: PgNode, error: unknown, wasSent: boolean): Promise<PgNode> {
    const { readers } = this.#cluster;
    const suspected = readFailure(error) === 'conflict' ? undefined : this.#cluster.suspect(node, error);
    if (this.#isLastChance) await this.#wait(error, wasSent);
    else {
      this.#failed.add(node);
      const other = readers.instead(this.#decision, this.#session, this.#failed);
      if (other !== undefined) return other;
      this.#isLastChance = true;
    }
    await suspected;
    const well = readers.now(this.#decision, this.#session);
    if (well !== undefined) return well;
    const found = await this.choose();
    // A primary that had died under the statement and is back may have died of it: only a successor is asked. What a
    // pin sends there is a read like any other, and its client is owed an answer.
    if (wasSent && found === node && this.#decision.role === 'primary' && this.#decision.reason !== 'pin')
      throw error;
    return found;
  }

  /**
   * The read had its last chance. One that was sent again may be what servers die of; one that was not has only met
   * several losses in a row.
   */
  async #wait(error: unknown, wasSent: boolean): Promise<void> {
    const { clock, settings } = this.#cluster;
    this.#deadline ??= clock.now() + settings.waitMs;
    if (wasSent || clock.now() >= this.#deadline) throw error;
    await rest(clock);
  }

  #chooseStale(): PgNode {
    const stale = staleRead(this.#cluster, this.#decision, this.#session, this.#failed);
    if (stale === undefined) throw noReader(this.#cluster, this.#decision);
    this.#decision = stale.decision;
    // Each of those that have not failed may still serve it.
    this.#isLastChance = false;
    return stale.node;
  }
}
