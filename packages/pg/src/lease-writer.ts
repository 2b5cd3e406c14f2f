import type { Durability, ReplicationError } from '@node-replicated/core';
import type { Reason } from '@node-replicated/core/adapter';
import type { LeaseLink } from './lease-link.js';
import { isUncertain, type LeaseJob } from './lease-moves.js';
import type { PgCluster } from './pg-cluster.js';
import { firstWord, isSeveral } from './sql-text.js';
import { readFailure } from './sqlstate.js';
import { type AnyResult, explainToOwnProtocol, type StatementCall, textCall } from './statement-call.js';
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
    if (!link.node.isPrimary) {
      const error = link.node.notPrimary();
      link.abandon(error);
      job.reject(error);
      return;
    }
    const mayWrite = this.#writes.note(call, job.session, job.durability === 'remote_apply');
    if (call.ownProtocol !== undefined) {
      explainToOwnProtocol(call, (error) => this.#explain(link, call, mayWrite, error));
      link.sendOwnProtocol(call);
      this.#trace(link, job);
      return;
    }
    link.send(call, (error, result) => {
      if (error === undefined && result !== undefined) {
        this.#trace(link, job);
        job.resolve(result);
      } else job.reject(this.#explain(link, call, mayWrite, error));
    });
  }

  /**
   * Sends a statement whose scope may say what its commit waits for. That is set for a transaction alone, so a
   * statement outside any gets one of its own: then nothing is left behind in the session, which a pooler may hand
   * to others.
   */
  async sendInTurn(link: LeaseLink, job: LeaseJob): Promise<void> {
    const { durability, call } = job;
    if (durability === undefined) return this.send(link, job);
    await link.whenQuiet();
    if (link.lost !== undefined || link.inTransaction || commitsNothing(call)) this.send(link, job);
    else if (call.ownProtocol !== undefined || isSeveral(call.text)) this.#surround(link, job, durability);
    else if (call.kind === 'begin') this.#begin(link, job, durability);
    else await this.#runAlone(link, job, durability);
  }

  /** Opens the caller's transaction, which is opened once its commit is told what to wait for. */
  #begin(link: LeaseLink, job: LeaseJob, durability: Durability): void {
    this.send(link, {
      ...job,
      resolve: (result) =>
        link.send(textCall(setFor('LOCAL ', durability)), (error) =>
          error === undefined ? job.resolve(result) : job.reject(error),
        ),
    });
  }

  /**
   * A COPY or a stream reports its own end, which must not come before a commit of ours; and a text of several
   * statements may hold commits of its own.
   */
  #surround(link: LeaseLink, job: LeaseJob, durability: Durability): void {
    const ignore = (): void => undefined;
    link.send(textCall(setFor('', durability)), ignore);
    this.send(link, job);
    link.send(textCall('RESET synchronous_commit'), ignore);
  }

  async #runAlone(link: LeaseLink, job: LeaseJob, durability: Durability): Promise<void> {
    const mayWrite = this.#writes.note(job.call, job.session, durability === 'remote_apply');
    const ask = async (call: StatementCall): Promise<AnyResult> => {
      const { error, result } = await link.ask(call);
      if (result === undefined) throw this.#explain(link, call, mayWrite, error);
      return result;
    };
    let result: AnyResult;
    try {
      await ask(textCall(`BEGIN; ${setFor('LOCAL ', durability)}`));
      result = await ask(job.call);
    } catch (error) {
      if (link.lost === undefined) await link.ask(textCall('ROLLBACK'));
      throw error;
    }
    await ask(textCall('COMMIT', 'end'));
    this.#trace(link, job);
    job.resolve(result);
  }

  /** What the caller is told of a failure; whether the node is still the primary is looked at meanwhile. */
  #explain<E>(link: LeaseLink, call: StatementCall, mayWrite: boolean, error: E): E | ReplicationError {
    const failure = readFailure(error);
    if (failure === 'lost' || failure === 'read-only') void this.#cluster.suspect(link.node, error);
    const uncertain = failure === 'lost' && mayWrite && isUncertain(link, call);
    return uncertain ? outcomeUnknown(link.node.name, error) : error;
  }

  #trace({ node, onPrimary, session }: LeaseLink, { decision, session: request }: LeaseJob): void {
    const reason: Reason = decision.writes ? decision.reason : 'write';
    traceStatement(request, this.#cluster, node, onPrimary, session, reason);
  }
}

function commitsNothing({ kind, text }: StatementCall): boolean {
  return kind === 'end' || (kind === 'session' && firstWord(text) !== 'EXECUTE');
}

function setFor(extent: 'LOCAL ' | '', durability: Durability): string {
  return `SET ${extent}synchronous_commit TO ${durability}`;
}
