import { currentScope, outsideDecision, type Scope } from '@node-replicated/core/adapter';
import { callUser } from './connection-use.js';
import type { Lease } from './lease.js';
import { retrace } from './retrace.js';
import type { RunContext } from './run-context.js';
import { type AnyResult, readCall, type StatementCall } from './statement-call.js';

const noScope = { session: undefined, durability: undefined };

/** The `query` of a leased client, in all of `pg`'s forms: each statement follows the scope that it is called in. */
export class LeaseCalls {
  readonly #context: RunContext;
  readonly #lease: Lease;
  #scope: Scope | undefined;
  #waiting: Promise<void> | undefined;

  /** @param scope the one of the checkout, for statements that are called in none */
  constructor(context: RunContext, lease: Lease, scope: Scope | undefined) {
    this.#context = context;
    this.#lease = lease;
    this.#scope = scope;
  }

  query(config: unknown, values: unknown, callback: unknown): unknown {
    if (config === null || config === undefined) {
      throw new TypeError('Client was passed a null or undefined query');
    }
    const call = readCall(config, values, callback, this.#context.memory);
    if (call.ownProtocol !== undefined) {
      this.#run(
        call,
        () => undefined,
        (error) => callUser(() => call.ownProtocol?.handleError?.(error as Error, undefined)),
      );
      return config;
    }
    const { callback: done } = call;
    if (done !== undefined) {
      this.#run(
        call,
        (result) => callUser(() => done(null, result)),
        (error) => callUser(() => done(error as Error)),
      );
      return undefined;
    }
    return new Promise<AnyResult>((resolve, reject) => this.#run(call, resolve, reject)).catch(retrace);
  }

  /** The lease is over: a client that lives on keeps nothing of the request. */
  close(): void {
    this.#scope = undefined;
  }

  #run(call: StatementCall, resolve: (result: AnyResult) => void, reject: (error: unknown) => void): void {
    const scope = currentScope() ?? this.#scope;
    const loading = scope?.session.loadPin();
    if (loading === undefined && this.#waiting === undefined) {
      this.#hand(call, scope, resolve, reject);
      return;
    }
    // Statements keep their order, also where one has to wait for its client's pin.
    const waiting = Promise.all([this.#waiting, loading])
      .then(() => this.#hand(call, scope, resolve, reject), reject)
      .finally(() => {
        if (this.#waiting === waiting) this.#waiting = undefined;
      });
    this.#waiting = waiting;
  }

  #hand(
    call: StatementCall,
    scope: Scope | undefined,
    resolve: (result: AnyResult) => void,
    reject: (error: unknown) => void,
  ): void {
    const decision = scope?.decide(this.#context.cluster.name) ?? outsideDecision;
    const { session, durability } = scope ?? noScope;
    this.#lease.run({ call, decision, session, durability, resolve, reject });
  }
}
