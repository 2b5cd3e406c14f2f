import {
  type Decision,
  outsideDecision,
  type Reason,
  type Scope,
  type Session,
} from '@node-replicated/core/adapter';
import { type Checkout, checkoutWriter, checkoutWriterElsewhere } from './checkout.js';
import { finishUse, sendStatement } from './connection-use.js';
import { runDurably } from './durable-run.js';
import { fallbackReason } from './fallback-reason.js';
import { LeaseLink } from './lease-link.js';
import type { PgNode } from './node.js';
import { mayHaveWritten } from './plain-read.js';
import { isOverload } from './primary-reads.js';
import { ReadAttempt, type Reading } from './read-attempt.js';
import { ReadRetries } from './read-retries.js';
import type { ReaderChoice } from './reader-choice.js';
import type { RunContext } from './run-context.js';
import { isServersAnswer, readFailure } from './sqlstate.js';
import { mayCommitPart } from './statement.js';
import type { AnyResult, StatementCall } from './statement-call.js';
import { outcomeUnknown, writeInReplicaScope } from './statement-errors.js';
import { traceStatement } from './statement-trace.js';
import { budgetOf, type TimeBudget } from './time-budget.js';

/**
 * One statement outside any transaction, from its decision to its result.
 *
 * It begins on a reader, unless its decision or its first word sends it to the writer. A reader that rejects it
 * as a write changes nothing, so it runs again on the writer; a reader that is lost is replaced by another one, as
 * {@link ReadRetries} says. On the writer it is never sent twice.
 */
export class StatementRun implements Reading {
  readonly #context: RunContext;
  readonly #call: StatementCall;
  readonly #scope: Scope | undefined;
  readonly #session: Session | undefined;
  #decision: Decision = outsideDecision;
  readonly #resolve: (result: AnyResult) => void;
  readonly #reject: (error: unknown) => void;
  readonly #onEnd: () => void;
  #retries: ReadRetries | undefined;
  /** Why the node that was tried last could not serve. */
  #lastError: unknown;
  #counted = false;
  #budget: TimeBudget | undefined;

  constructor(
    context: RunContext,
    call: StatementCall,
    scope: Scope | undefined,
    resolve: (result: AnyResult) => void,
    reject: (error: unknown) => void,
    onEnd: () => void,
  ) {
    this.#context = context;
    this.#call = call;
    this.#scope = scope;
    this.#session = scope?.session;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#onEnd = onEnd;
  }

  start(): void {
    try {
      if (this.#scope !== undefined) this.#decision = this.#scope.decide(this.#context.cluster.name);
      if (this.#decision.writes) this.#write(this.#decision.reason);
      else if (this.#call.kind === 'open') {
        this.#budget = budgetOf(this.#call, this.#context.cluster.settings.base);
        this.#read();
      } else this.#writeAfterAll();
    } catch (error) {
      this.fail(error);
    }
  }

  #read(): void {
    const node = this.#context.cluster.readers.now(this.#decision, this.#session, this.#retries?.without);
    if (node !== undefined) this.#readOn(node);
    else this.#readOnFound((retries) => retries.choose());
  }

  #readOnFound(find: (retries: ReadRetries) => Promise<PgNode>): void {
    this.#retries ??= new ReadRetries(this.#context.cluster, this.#decision, this.#session);
    const retries = this.#retries;
    find(retries)
      .then((node) => {
        this.#decision = retries.decision;
        this.#readOn(node);
      })
      .catch((failed: unknown) => this.fail(failed));
  }

  #readOn(node: PgNode): void {
    new ReadAttempt(this, node).start();
  }

  get readers(): ReaderChoice {
    return this.#context.cluster.readers;
  }

  get decision(): Decision {
    return this.#decision;
  }

  callNow(): StatementCall | undefined {
    return this.#budget === undefined ? this.#call : this.#budget.next(this.#context.cluster.clock.now());
  }

  onStreaming(node: PgNode): void {
    this.#session?.noteRead(this.#context.cluster, node.name);
  }

  onRefused({ node }: ReadAttempt, error: unknown): void {
    if (isOverload(error)) this.fail(error);
    else this.#readElsewhere(node, error, false);
  }

  onLate(): void {
    this.fail(this.#lastError);
  }

  onUnsuited(): void {
    this.#read();
  }

  hasBetter(node: PgNode): boolean {
    return this.readers.hasBetter(node, this.#decision, this.#session, this.#retries?.without);
  }

  onResult({ node, onPrimary }: ReadAttempt, result: AnyResult): void {
    const fallback = onPrimary && this.#decision.role === 'replica';
    if (onPrimary && mayHaveWritten(result, node.provenReadOnly)) this.#countWrite();
    const reason = fallback ? fallbackReason(this.#decision) : this.#decision.reason;
    if (fallback) this.#context.cluster.reportFallback(reason);
    this.#note(node, onPrimary, reason, 'reader');
    this.#succeed(result);
  }

  onFailed({ node, onPrimary }: ReadAttempt, error: unknown): void {
    const failure = readFailure(error);
    if (failure === 'read-only') this.#context.memory.learnWrite(this.#call.text);
    if (this.#call.ownProtocol !== undefined) return this.fail(error);
    switch (failure) {
      case 'read-only':
        return this.#writeAfterAll();
      case 'not-here':
        return onPrimary ? this.fail(error) : this.#writeAfterAll();
      case 'conflict':
        return onPrimary ? this.fail(error) : this.#readElsewhere(node, error, true);
      case 'unsent':
        return this.#readElsewhere(node, error, false);
      case 'lost':
        if (onPrimary && !node.provenReadOnly) return this.#failUnknown(node, error);
        return this.#readElsewhere(node, error, true);
      default:
        return this.fail(error);
    }
  }

  /** The node could not serve; whatever the reason, nothing has been changed there. */
  #readElsewhere(node: PgNode, error: unknown, wasSent: boolean): void {
    this.#lastError = error;
    this.#readOnFound((retries) => retries.next(node, error, wasSent));
  }

  /** The statement began as a read, and writes. */
  #writeAfterAll(): void {
    const { cluster } = this.#context;
    const { kind } = this.#call;
    if (this.#decision.role === 'replica' && (kind === 'open' || kind === 'write')) {
      const request = this.#session?.request;
      if (cluster.settings.onWriteInReplicaScope === 'reject') {
        return this.fail(writeInReplicaScope(request, this.#call.text));
      }
      cluster.events.publish('write-in-replica-scope', { cluster: cluster.name, request });
    }
    this.#write('write');
  }

  #write(reason: Reason): void {
    const { cluster } = this.#context;
    this.#session?.beginWrite(cluster, this.#scope?.durability === 'remote_apply');
    this.#counted = this.#session !== undefined;
    checkoutWriter(cluster, this.#decision.pinned, (error, checkout) =>
      this.#writeOn(checkout, reason, error, false),
    );
  }

  #writeOn(checkout: Checkout | undefined, reason: Reason, refused: unknown, again: boolean): void {
    const { cluster } = this.#context;
    if (checkout === undefined) {
      // It was never sent, so it has not written.
      if (this.#counted && !again) this.#session?.withdrawWrite(cluster);
      this.#counted = this.#counted && again;
      return this.fail(refused);
    }
    const { node } = checkout;
    this.#sendWrite(checkout, (error, result) => {
      if (error !== undefined || result === undefined) return this.#writeFailed(node, reason, error, again);
      if (this.#call.kind === 'open' && reason === 'write') this.#context.memory.learnWrite(this.#call.text);
      this.#note(node, true, reason, 'writer');
      this.#succeed(result);
    });
  }

  #sendWrite(checkout: Checkout, done: (error: unknown, result?: AnyResult) => void): void {
    const { node, client, release } = checkout;
    const durability = this.#scope?.durability;
    if (durability === undefined) {
      sendStatement(client, this.#call, (error, result) => {
        finishUse(client, release, error, node.reportDirty);
        done(error, result);
      });
      return;
    }
    const link = new LeaseLink(checkout, 'writer');
    void runDurably(link, this.#call, durability).then(({ error, result }) => {
      link.close(undefined, node.reportDirty);
      done(error, result);
    });
  }

  #writeFailed(node: PgNode, reason: Reason, error: unknown, again: boolean): void {
    const failure = readFailure(error);
    if (failure === 'lost') return this.#failUnknown(node, error);
    const { cluster } = this.#context;
    const { pinned } = this.#decision;
    const { ownProtocol, text } = this.#call;
    if (failure === 'read-only' && !again && ownProtocol === undefined && !mayCommitPart(text)) {
      checkoutWriterElsewhere(cluster, pinned, node, error, (refused, checkout) =>
        this.#writeOn(checkout, reason, refused, true),
      );
      return;
    }
    // Its connection was gone before it was handed over.
    if (failure === 'unsent' && !again && ownProtocol === undefined) {
      void cluster.suspect(node, error);
      checkoutWriter(cluster, pinned, (refused, checkout) => this.#writeOn(checkout, reason, refused, true));
      return;
    }
    // Without an answer, as after `query_timeout`, it may yet happen: it stays under way for good.
    if (!isServersAnswer(error)) this.#counted = false;
    this.fail(error);
  }

  #countWrite(): void {
    this.#session?.beginWrite(this.#context.cluster);
    this.#session?.endWrite(this.#context.cluster);
  }

  #note(node: PgNode, onPrimary: boolean, reason: Reason, session: 'reader' | 'writer'): void {
    traceStatement(this.#session, this.#context.cluster, node, onPrimary, session, reason);
  }

  #failUnknown(node: PgNode, cause: unknown): void {
    void this.#context.cluster.suspect(node, cause);
    this.fail(outcomeUnknown(node.name, cause));
  }

  #succeed(result: AnyResult): void {
    this.#finish();
    this.#resolve(result);
  }

  /** Ends without having been run, or with an error. */
  fail(error: unknown): void {
    this.#finish();
    this.#reject(error);
  }

  #finish(): void {
    if (this.#counted) this.#session?.endWrite(this.#context.cluster);
    this.#onEnd();
  }
}
