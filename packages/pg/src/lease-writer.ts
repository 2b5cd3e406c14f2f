import type { ReplicationError } from '@node-replicated/core';
import type { Reason } from '@node-replicated/core/adapter';
import { commitsNothing, runDurably, streamDurably } from './durable-run.js';
import type { LeaseLink } from './lease-link.js';
import { isUncertain, type LeaseJob } from './lease-moves.js';
import type { PgCluster } from './pg-cluster.js';
import { readFailure } from './sqlstate.js';
import { explainToOwnProtocol } from './statement-call.js';
import { outcomeUnknown } from './statement-errors.js';
import { traceStatement } from './statement-trace.js';
import type { WriteTracker } from './write-tracker.js';

/** Sends a lease's statements to its writer. */
export class LeaseWriter {
  readonly #cluster: PgCluster;
  readonly #writes: WriteTracker;

  constructor(cluster: PgCluster, writes: WriteTracker) {
    this.#cluster = cluster;
    this.#writes = writes;
  }

  /** Hands a statement to `pg`, behind those that are under way. */
  send(link: LeaseLink, job: LeaseJob): void {
    const { call } = job;
    if (this.#isRefused(link, job)) return;
    const mayWrite = this.#note(job);
    if (call.ownProtocol !== undefined) {
      explainToOwnProtocol(call, (error) => this.#explain(link, error, mayWrite && isUncertain(link, call)));
      link.sendOwnProtocol(call);
      this.#trace(link, job);
      return;
    }
    link.send(call, (error, result) => {
      if (error === undefined && result !== undefined) {
        this.#trace(link, job);
        job.resolve(result);
      } else job.reject(this.#explain(link, error, mayWrite && isUncertain(link, call)));
    });
  }

  /** Sends a statement whose scope may say what its commit waits for. */
  async sendInTurn(link: LeaseLink, job: LeaseJob): Promise<void> {
    const { durability, call } = job;
    if (durability === undefined) return this.send(link, job);
    await link.whenQuiet();
    if (link.lost !== undefined || link.inTransaction || commitsNothing(call)) return this.send(link, job);
    if (this.#isRefused(link, job)) return;
    if (call.ownProtocol !== undefined) {
      const error = await streamDurably(link, durability, () => this.send(link, job));
      if (error !== undefined) job.reject(error);
      return;
    }
    const mayWrite = this.#note(job);
    const { error, result } = await runDurably(link, call, durability);
    if (result === undefined) {
      job.reject(this.#explain(link, error, mayWrite));
      return;
    }
    this.#trace(link, job);
    job.resolve(result);
  }

  /** A node that has lost its role gets no more statements, nor one whose successor the client has met. */
  #isRefused(link: LeaseLink, job: LeaseJob): boolean {
    const isLeftBehind = this.#cluster.isLeftBehind(job.decision.pinned);
    if (link.node.isPrimary && !isLeftBehind) return false;
    if (isLeftBehind) this.#cluster.seekPrimary();
    const error = link.node.notPrimary();
    link.abandon(error);
    job.reject(error);
    return true;
  }

  /** @returns whether the statement may write */
  #note({ call, session, durability }: LeaseJob): boolean {
    return this.#writes.note(call, session, durability === 'remote_apply');
  }

  /** What the caller is told of a failure; whether the node is still the primary is looked at meanwhile. */
  #explain<E>({ node }: LeaseLink, error: E, uncertain: boolean): E | ReplicationError {
    const failure = readFailure(error);
    if (failure === 'lost' || failure === 'read-only') void this.#cluster.suspect(node, error);
    return failure === 'lost' && uncertain ? outcomeUnknown(node.name, error) : error;
  }

  #trace({ node, onPrimary, session }: LeaseLink, { decision, session: request }: LeaseJob): void {
    const reason: Reason = decision.writes ? decision.reason : 'write';
    traceStatement(request, this.#cluster, node, onPrimary, session, reason);
  }
}
