import { EventEmitter } from 'node:events';
import type { Scope } from '@node-replicated/core/adapter';
import pg from 'pg';
import { setRef } from './connection-use.js';
import { Lease } from './lease.js';
import { LeaseCalls } from './lease-calls.js';
import type { RunContext } from './run-context.js';

const forwarded = ['notice', 'notification', 'drain', 'end'] as const;

/** Something to do to each real connection that stands behind a leased client. */
type Setup = (client: pg.PoolClient) => void;

/**
 * The client that `pool.connect()` gives where it may read: to its user a `pg.PoolClient`, behind which stand
 * first a reader and then, when it turns out to write, the writer.
 *
 * It is an `instanceof pg.Client` without having run that class's constructor, which would open up a connection
 * of its own. So everything that a `pg.Client` keeps to itself is answered here by the real one.
 */
export class LeasedClient extends EventEmitter {
  readonly #lease: Lease;
  readonly #calls: LeaseCalls;
  readonly #setups: Setup[] = [];
  readonly #forward = new Map<string, (...args: unknown[]) => void>();
  /** As `pg` has it: the same function for each checkout, so that it can be handed on by itself. */
  readonly release: (error?: Error | boolean) => void;

  constructor(context: RunContext, scope: Scope | undefined, onClosed: () => void) {
    super();
    this.#lease = new Lease(context, {
      onBind: (client) => this.#attach(client),
      onUnbind: (client) => this.#detach(client),
      onClosed,
    });
    this.#calls = new LeaseCalls(context, this.#lease, scope);
    this.release = (error) => this.#lease.release(error);
    for (const event of forwarded) this.#forward.set(event, (...args) => this.emit(event, ...args));
    this.#forward.set('error', (...args) => {
      if (this.listenerCount('error') > 0) this.emit('error', ...args);
    });
  }

  query(config: unknown, values?: unknown, callback?: unknown): unknown {
    return this.#calls.query(config, values, callback);
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

  get pipeline(): boolean {
    return this.#read('pipeline') ?? false;
  }

  get binary(): boolean {
    return this.#read('binary') ?? false;
  }

  get connectionParameters(): unknown {
    return this.#read('connectionParameters');
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
