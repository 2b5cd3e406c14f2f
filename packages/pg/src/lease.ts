import type { Reason } from '@node-replicated/core/adapter';
import type { Position } from '@node-replicated/core/cluster';
import type pg from 'pg';
import { type Checkout, checkoutReader, checkoutWriter } from './checkout.js';
import { fallbackReason } from './fallback-reason.js';
import { LeaseLink, type StatementOutcome } from './lease-link.js';
import { type LeaseJob, needsWriter } from './lease-moves.js';
import { LeaseWriter } from './lease-writer.js';
import type { PgNode } from './node.js';
import { mayHaveWritten } from './plain-read.js';
import { isOverload } from './primary-reads.js';
import { ReadRetries } from './read-retries.js';
import type { RunContext } from './run-context.js';
import { isServersAnswer, readFailure } from './sqlstate.js';
import { type AnyResult, learnFromOwnProtocol } from './statement-call.js';
import { hintInTransaction, outcomeUnknown, writeInReplicaScope } from './statement-errors.js';
import { traceStatement } from './statement-trace.js';
import { budgetOf } from './time-budget.js';
import { WriteTracker } from './write-tracker.js';

/** Told when a lease takes a real connection, when it gives it back, and when it has ended. */
export interface LeaseHooks {
  onBind(client: pg.PoolClient): void;
  onUnbind(client: pg.PoolClient): void;
  onClosed(): void;
}

/**
 * What a checked-out client does behind its face: it takes a real connection at its first statement, and moves
 * from a reader to the writer at most once, never back, never inside a transaction.
 *
 * On a reader, statements are sent one at a time, because each may decide where the next one goes. On the writer
 * they are handed to `pg` as they come.
 */
export class Lease {
  readonly #context: RunContext;
  readonly #hooks: LeaseHooks;
  readonly #writes: WriteTracker;
  readonly #writer: LeaseWriter;
  readonly #queue: LeaseJob[] = [];
  #link: LeaseLink | undefined;
  #pumping = false;
  #released = false;
  #releaseError: Error | undefined;

  constructor(context: RunContext, hooks: LeaseHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#writes = new WriteTracker(context.cluster);
    this.#writer = new LeaseWriter(context.cluster, this.#writes);
  }

  /** The real client, while there is one. */
  get client(): pg.PoolClient | undefined {
    return this.#link?.client;
  }

  /** Begins with the writer's connection, where that is sure to be needed. */
  bindWriter(checkout: Checkout): void {
    this.#bind(checkout, 'writer');
  }

  run(job: LeaseJob): void {
    if (this.#released) {
      process.nextTick(job.reject, new Error('Client was closed and is not queryable'));
    } else if (!this.#pumping && this.#link?.session === 'writer' && job.durability === undefined) {
      this.#writer.send(this.#link, job);
    } else {
      this.#queue.push(job);
      if (!this.#pumping) void this.#pump();
    }
  }

  /**
   * Ends the lease. What was handed in before still runs.
   *
   * @param error closes the connection at once, instead of returning it to its pool
   * @throws an Error with pg-pool's words when it was released before
   */
  release(error?: Error | boolean): void {
    if (this.#released) {
      throw new Error('Release called on client which has already been released to the pool.');
    }
    this.#released = true;
    if (error) {
      this.#releaseError = error instanceof Error ? error : new Error('The connection was given up.');
      this.#link?.abandon(this.#releaseError);
    } else this.#link?.expectEnd();
    if (this.#pumping) return;
    // A response may be sent right after this, and its pin must not take the writes for unfinished.
    if (this.#link?.answered !== false) this.#writes.close();
    this.#end();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      try {
        await this.#perform(job);
      } catch (error) {
        job.reject(error);
      }
    }
    this.#pumping = false;
    if (this.#released) this.#end();
  }

  async #perform(job: LeaseJob): Promise<void> {
    if (this.#releaseError !== undefined) throw new Error('Client was closed and is not queryable');
    const link = this.#link;
    if (link?.session === 'writer') await this.#writer.sendInTurn(link, job);
    else if (link?.inTransaction === true) await this.#continueTransaction(link, job);
    else if (needsWriter(job)) await this.#moveToWriter(job);
    else await this.#read(job);
  }

  /** A statement on a reader, outside any transaction: it may run again elsewhere, as it has changed nothing. */
  async #read(job: LeaseJob): Promise<void> {
    const { cluster, memory } = this.#context;
    const retries = new ReadRetries(cluster, job.decision, job.session);
    const budget = budgetOf(job.call, cluster.settings.base);
    let lastError: unknown;
    for (let link = await this.#reader(job, retries); ; ) {
      const call = budget === undefined ? job.call : budget.next(cluster.clock.now());
      if (call === undefined) throw lastError;
      const { error, result } = await this.#sendToReader(link, call === job.call ? job : { ...job, call });
      if (error === undefined) return this.#succeed(link, job, result);
      const failure = readFailure(error);
      if (failure === 'read-only') memory.learnWrite(job.call.text);
      if (this.#releaseError !== undefined) throw error;
      if (link.inTransaction) throw hintInTransaction(error);
      if (failure === 'read-only' || (failure === 'not-here' && !link.onPrimary))
        return this.#moveToWriter(job);
      const gone = failure === 'lost' || failure === 'unsent';
      if (!gone && (failure !== 'conflict' || link.onPrimary)) throw error;
      if (failure === 'lost' && link.onPrimary && !link.node.provenReadOnly) {
        throw outcomeUnknown(link.node.name, error);
      }
      lastError = error;
      await this.#unbind(gone ? error : undefined);
      const next = await retries.next(link.node, error, failure !== 'unsent');
      link = await this.#bindReader(next, job, retries);
    }
  }

  async #continueTransaction(link: LeaseLink, job: LeaseJob): Promise<void> {
    const { error, result } = await this.#sendToReader(link, job);
    if (error === undefined) return this.#succeed(link, job, result);
    if (readFailure(error) === 'lost') void this.#context.cluster.suspect(link.node, error);
    job.reject(hintInTransaction(error));
    await link.whenQuiet();
  }

  async #sendToReader(link: LeaseLink, job: LeaseJob): Promise<StatementOutcome> {
    if (job.call.ownProtocol !== undefined) {
      learnFromOwnProtocol(job.call, this.#context.memory);
      // Its rows may reach the client long before it ends.
      job.session?.noteRead(this.#context.cluster, link.node.name);
      link.sendOwnProtocol(job.call);
      if (this.#released) link.expectEnd();
      await link.whenQuiet();
      return {};
    }
    const outcome = await link.ask(job.call);
    const { error } = outcome;
    if (isServersAnswer(error)) await link.whenQuiet();
    // Without an answer, as after `query_timeout`, the connection is of no more use, except to its transaction.
    else if (error instanceof Error && !link.inTransaction) link.abandon(error);
    return outcome;
  }

  #succeed(link: LeaseLink, job: LeaseJob, result: AnyResult | undefined): void {
    const { session, decision } = job;
    const { cluster } = this.#context;
    const changesSession = job.call.kind !== 'open' && job.call.kind !== 'begin' && job.call.kind !== 'end';
    if (link.onPrimary && session !== undefined) {
      const wrote =
        changesSession || (result !== undefined && mayHaveWritten(result, link.node.provenReadOnly));
      if (wrote) {
        session.beginWrite(cluster);
        session.endWrite(cluster);
      }
    }
    const fallback = link.onPrimary && decision.role === 'replica';
    const reason = fallback ? fallbackReason(decision) : decision.reason;
    if (fallback) cluster.reportFallback(reason);
    this.#note(link, job, reason);
    if (result !== undefined) job.resolve(result);
  }

  async #moveToWriter(job: LeaseJob): Promise<void> {
    const { cluster } = this.#context;
    const { decision, session, call } = job;
    if (decision.role === 'replica' && call.kind !== 'session' && call.kind !== 'begin') {
      const request = session?.request;
      if (cluster.settings.onWriteInReplicaScope === 'reject') throw writeInReplicaScope(request, call.text);
      cluster.events.publish('write-in-replica-scope', { cluster: cluster.name, request });
    }
    const checkout = await this.#checkoutWriter(decision.pinned);
    await this.#unbind();
    await this.#writer.sendInTurn(this.#bind(checkout, 'writer'), job);
  }

  /** The reader that the lease holds, if it will do; else another one. */
  async #reader(job: LeaseJob, retries: ReadRetries): Promise<LeaseLink> {
    const held = this.#link;
    if (held !== undefined) {
      if (held.lost === undefined && this.#context.cluster.readers.suits(held.node, job.decision))
        return held;
      await this.#unbind(held.lost);
    }
    return this.#bindReader(await retries.choose(), job, retries);
  }

  /** Takes a node's reader, or, while connecting fails, another's. */
  async #bindReader(first: PgNode, job: LeaseJob, retries: ReadRetries): Promise<LeaseLink> {
    const { readers } = this.#context.cluster;
    for (let node = first; ; ) {
      const asked = node;
      const claim = readers.claimOf(asked, retries.decision);
      let refusal: unknown;
      try {
        const checkout = await checkoutReader(asked, () => retries.hasBetter(asked));
        if (checkout !== undefined && readers.holds(asked, claim, retries.decision)) {
          job.decision = retries.decision;
          return this.#bind(checkout, 'reader');
        }
        checkout?.release();
      } catch (error) {
        if (isOverload(error)) throw error;
        refusal = error;
      }
      node = await (refusal === undefined ? retries.choose() : retries.next(asked, refusal, false));
    }
  }

  #checkoutWriter(pinned: Position | undefined): Promise<Checkout> {
    return new Promise((resolve, reject) => {
      checkoutWriter(this.#context.cluster, pinned, (error, checkout) =>
        checkout === undefined ? reject(error) : resolve(checkout),
      );
    });
  }

  #bind(checkout: Checkout, session: 'reader' | 'writer'): LeaseLink {
    const link = new LeaseLink(checkout, session);
    this.#link = link;
    this.#hooks.onBind(link.client);
    return link;
  }

  /** Gives the connection back: at once, or when what is under way has ended. */
  #unbind(error?: unknown): Promise<void> | undefined {
    const link = this.#link;
    if (link === undefined) return undefined;
    this.#link = undefined;
    if (!(error instanceof Error || link.quiet)) return link.whenQuiet().then(() => this.#giveBack(link));
    this.#giveBack(link, error instanceof Error ? error : undefined);
    return undefined;
  }

  #giveBack(link: LeaseLink, error?: Error): void {
    this.#hooks.onUnbind(link.client);
    link.close(error, link.node.reportDirty);
  }

  #end(): void {
    const finish = (): void => {
      this.#writes.close();
      this.#hooks.onClosed();
    };
    let leaving: Promise<void> | undefined;
    try {
      leaving = this.#unbind(this.#releaseError);
    } finally {
      if (leaving === undefined) finish();
      else void leaving.finally(finish);
    }
  }

  #note({ node, onPrimary, session }: LeaseLink, job: LeaseJob, reason: Reason): void {
    traceStatement(job.session, this.#context.cluster, node, onPrimary, session, reason);
  }
}
