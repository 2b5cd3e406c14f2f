import { EventEmitter } from 'node:events';
import { currentScope, outsideDecision, type Scope } from '@node-replicated/core/adapter';
import pg from 'pg';
import { callUser, setRef } from './connection-use.js';
import { Lease } from './lease.js';
import type { RunContext } from './run-context.js';
import { type AnyResult, readCall, type StatementCall } from './statement-call.js';

const forwarded = ['notice', 'notification', 'drain', 'end'] as const;

const noScope = { session: undefined, durability: undefined };

/** Something to do to each real connection that stands behind a leased client. */
type Setup = (client: pg.PoolClient) => void;

/**
 * The client that `pool.connect()` gives: to its user a `pg.PoolClient`, behind which stand first a reader and
 * then, when it turns out to write, the writer.
 *
 * It is an `instanceof pg.Client` without having run that class's constructor, which would open up a connection
 * of its own. So everything that a `pg.Client` keeps to itself is answered here by the real one.
 */
export class LeasedClient extends EventEmitter {
  readonly #context: RunContext;
  readonly #lease: Lease;
  readonly #scope: Scope | undefined;
  readonly #setups: Setup[] = [];
  #waiting: Promise<void> | undefined;
  readonly #forward = new Map<string, (...args: unknown[]) => void>();
  /** As `pg` has it: the same function for each checkout, so that it can be handed on by itself. */
  readonly release: (error?: Error | boolean) => void;

  constructor(context: RunContext, scope: Scope | undefined, onClosed: () => void) {
    super();
    this.#context = context;
    this.#scope = scope;
    this.#lease = new Lease(context, {
      onBind: (client) => this.#attach(client),
      onUnbind: (client) => this.#detach(client),
      onClosed,
    });
    this.release = (error) => this.#lease.release(error);
    for (const event of forwarded) this.#forward.set(event, (...args) => this.emit(event, ...args));
    this.#forward.set('error', (...args) => {
      if (this.listenerCount('error') > 0) this.emit('error', ...args);
    });
  }

  /** Takes the writer at once, where it is sure to be needed: then a checkout waits, and fails, as `pg`'s does. */
  bindWriter(): Promise<void> {
    return this.#lease.bindWriter();
  }

  query(config: unknown, values?: unknown, callback?: unknown): unknown {
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

  /** A pooled client is connected already. */
  connect(callback?: (error: Error) => void): Promise<never> | undefined {
    const error = new Error('Client has already been connected. You cannot reuse a client.');
    if (callback === undefined) return Promise.reject(error);
    process.nextTick(callback, error);
    return undefined;
  }

  /** Closes the real connection, as `pg` does when a pooled client is ended. */
  end(callback?: () => void): Promise<void> | undefined {
    const { client } = this.#lease;
    if (client !== undefined) return callback === undefined ? client.end() : void client.end(callback);
    if (callback === undefined) return Promise.resolve();
    process.nextTick(callback);
    return undefined;
  }

  get processID(): number | null {
    return this.#read('processID') ?? null;
  }

  get connection(): unknown {
    return this.#read('connection');
  }

  get host(): string | undefined {
    return this.#read('host');
  }

  get port(): number | undefined {
    return this.#read('port');
  }

  get user(): string | undefined {
    return this.#read('user');
  }

  get database(): string | undefined {
    return this.#read('database');
  }

  getTransactionStatus(): ReturnType<pg.ClientBase['getTransactionStatus']> {
    return this.#lease.client?.getTransactionStatus() ?? 'I';
  }

  setTypeParser(...args: Parameters<pg.ClientBase['setTypeParser']>): void {
    this.#setUp((client) => client.setTypeParser(...args));
  }

  getTypeParser(...args: Parameters<pg.ClientBase['getTypeParser']>): unknown {
    return (this.#lease.client ?? pg.types).getTypeParser(...args);
  }

  ref(): void {
    this.#setUp((client) => setRef(client, 'ref'));
  }

  unref(): void {
    this.#setUp((client) => setRef(client, 'unref'));
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

  #setUp(setup: Setup): void {
    this.#setups.push(setup);
    const { client } = this.#lease;
    if (client !== undefined) setup(client);
  }

  #attach(client: pg.PoolClient): void {
    for (const [event, listener] of this.#forward) client.on(event as 'end', listener);
    for (const setup of this.#setups) setup(client);
  }

  #detach(client: pg.PoolClient): void {
    for (const [event, listener] of this.#forward) client.removeListener(event, listener);
  }

  #read<T>(property: string): T | undefined {
    const { client } = this.#lease;
    return client === undefined ? undefined : (Reflect.get(client, property) as T | undefined);
  }
}

Object.setPrototypeOf(LeasedClient.prototype, pg.Client.prototype);

/** Gives an error a stack that leads to the caller, as `pg` does, in place of one that leads to a socket. */
export function retrace(error: unknown): never {
  if (error instanceof Error) Error.captureStackTrace(error);
  throw error;
}
