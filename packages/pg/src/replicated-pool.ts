import type { ReplicationEvents } from '@node-replicated/core';
import { badOption, currentScope, outsideDecision } from '@node-replicated/core/adapter';
import { type ClusterEventName, isClusterEvent } from '@node-replicated/core/cluster';
import pg from 'pg';
import { checkoutWriter } from './checkout.js';
import { callUser } from './connection-use.js';
import { LeasedClient } from './leased-client.js';
import { lendWriter } from './lent-client.js';
import type { PgNode } from './node.js';
import { type ReplicatedPoolOptions, resolvePoolOptions } from './options.js';
import { PgCluster } from './pg-cluster.js';
import { PoolEvents } from './pool-events.js';
import { retrace } from './retrace.js';
import type { RunContext } from './run-context.js';
import type { SessionPool } from './session-pool.js';
import { StatementMemory } from './statement.js';
import { type AnyResult, readCall } from './statement-call.js';
import { StatementRun } from './statement-run.js';
import { type PoolStatus, statusOf } from './status.js';

/** A row whose type nobody has given: what `pg` has there, so that code written for `pg.Pool` goes on to compile. */
type Row = pg.QueryResult['rows'][number];

type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: pg.PoolClient['release'],
) => void;

/**
 * A `pg.Pool` over a primary and its replicas. Inside a request of a reading method statements run on a replica,
 * everywhere else on the primary; what turns out to write runs on the primary whatever was decided.
 *
 * `max` and the other sizes hold for each node's readers, and for the primary's writers.
 */
export class ReplicatedPool extends pg.Pool {
  readonly #cluster: PgCluster;
  readonly #context: RunContext;
  /** The application's own kind of promise, if it has one. */
  readonly #promises: PromiseConstructorLike | undefined;
  /** Statements and leases that are under way: the pool ends when there are none left. */
  #underWay = 0;
  #onIdle: (() => void) | undefined;
  #ending = false;
  #ended = false;

  /**
   * @param options the nodes, and what `pg.Pool` takes; without any, `DATABASE_URL` and `DATABASE_REPLICA_URLS`
   * @throws ERR_OPTION, naming the option
   */
  constructor(options?: ReplicatedPoolOptions) {
    const settings = resolvePoolOptions(options ?? {});
    super({ ...settings.base, password: settings.base.password });
    // It may hold a password, which pg-pool hides where it stands by itself.
    Object.defineProperty(this.options, 'connectionString', { enumerable: false });
    this.#promises = settings.base.Promise;
    this.#cluster = new PgCluster(settings, new PoolEvents(this));
    this.#context = { cluster: this.#cluster, memory: new StatementMemory() };
    // pg-pool has these as fields of the pool, or as getters over such fields.
    Object.defineProperties(this, {
      ending: { get: () => this.#ending },
      ended: { get: () => this.#ended },
      totalCount: { get: () => this.#sum((pool) => pool.totalCount) },
      idleCount: { get: () => this.#sum((pool) => pool.idleCount) },
      waitingCount: {
        get: () =>
          this.#sum(
            (pool) => pool.waitingCount,
            (node) => node.waitingReads,
          ),
      },
      expiredCount: { get: () => this.#sum((pool) => pool.expiredCount) },
      _clients: { get: () => this.#clients() },
    });
  }

  override query<T extends pg.Submittable>(statement: T): T;
  override query<R extends unknown[] = Row[], I = Row[]>(
    config: pg.QueryArrayConfig<I>,
    values?: pg.QueryConfigValues<I>,
  ): Promise<pg.QueryArrayResult<R>>;
  override query<R extends pg.QueryResultRow = Row, I = Row[]>(
    config: pg.QueryConfig<I>,
  ): Promise<pg.QueryResult<R>>;
  override query<R extends pg.QueryResultRow = Row, I = Row[]>(
    textOrConfig: string | pg.QueryConfig<I>,
    values?: pg.QueryConfigValues<I>,
  ): Promise<pg.QueryResult<R>>;
  override query<R extends unknown[] = Row[], I = Row[]>(
    config: pg.QueryArrayConfig<I>,
    callback: (error: Error, result: pg.QueryArrayResult<R>) => void,
  ): void;
  override query<R extends pg.QueryResultRow = Row, I = Row[]>(
    textOrConfig: string | pg.QueryConfig<I>,
    callback: (error: Error, result: pg.QueryResult<R>) => void,
  ): void;
  override query<R extends pg.QueryResultRow = Row, I = Row[]>(
    text: string,
    values: pg.QueryConfigValues<I>,
    callback: (error: Error, result: pg.QueryResult<R>) => void,
  ): void;
  /**
   * Runs one statement where its request's role says. A reading one that meets a lost replica runs on another; a
   * writing one is never sent twice.
   *
   * @throws ERR_NO_PRIMARY, ERR_NO_NODE or ERR_SPLIT_BRAIN after `failoverWaitMs`; ERR_OVERLOADED when more reads
   *   want to run on the primary than it is to serve; ERR_OUTCOME_UNKNOWN when the
   *   connection was lost under a write; ERR_WRITE_IN_REPLICA_SCOPE where that is set; else the database's error
   */
  override query(config: unknown, values?: unknown, callback?: unknown): unknown {
    if (typeof config === 'function') return refuseFunction(config);
    const call = readCall(config, values, callback, this.#context.memory);
    const { callback: done } = call;
    if (this.#ending) return refuse(done);
    const scope = currentScope();
    this.#underWay += 1;
    const result = new Promise<AnyResult>((resolve) => {
      // Only an error takes the way that gives it the caller's stack; it needs one promise more, to find it.
      const reject = (error: unknown): void => resolve(Promise.reject(error).catch(rethrow).catch(retrace));
      const run = new StatementRun(this.#context, call, scope, resolve, reject, this.#onEnd);
      const loading = scope?.session.loadPin();
      if (loading === undefined) run.start();
      else
        loading.then(
          () => run.start(),
          (error: unknown) => run.fail(error),
        );
    });
    if (done === undefined) return this.#own(result);
    result.then(
      (value) => callUser(() => done(undefined, value)),
      (error: Error) => callUser(() => done(error)),
    );
    return undefined;
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: ConnectCallback): void;
  /**
   * Checks out a client: where it is sure to write, a connection of the primary; else one that is chosen at the
   * client's first statement.
   *
   * @throws as {@link ReplicatedPool.query}, where it takes a connection at once
   */
  override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | void {
    if (this.#ending) return refuse(callback) as Promise<pg.PoolClient> | undefined;
    const lease = this.#lease();
    if (callback === undefined) return this.#own(lease.catch(retrace));
    lease.then(
      (client) => callUser(() => callback(undefined, client, client.release)),
      (error: Error) => callUser(() => callback(error, undefined, () => undefined)),
    );
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  /** Ends the pool once every statement has finished and every client is released. */
  override end(callback?: (error?: Error) => void): Promise<void> | void {
    const ended = this.#ending
      ? Promise.reject(new Error('Called end on pool more than once'))
      : this.#close();
    if (callback === undefined) return this.#own(ended);
    ended.then(() => callback(), callback);
  }

  /** What is known of the cluster, and what the pool is doing: a plain JSON snapshot. */
  status(): PoolStatus {
    return statusOf(this.#cluster);
  }

  /**
   * Listens to one kind of event of this pool alone; `onReplicationEvent()` listens to all pools. What a listener
   * throws reaches nobody but `process.on('uncaughtException')`.
   *
   * @returns a function that stops listening
   * @throws ERR_OPTION when there is no such event
   */
  onReplicationEvent<N extends ClusterEventName>(
    name: N,
    listener: (payload: ReplicationEvents[N]) => void,
  ): () => void {
    if (!isClusterEvent(name)) throw badOption('name', `${String(name)} is no event of a pool`);
    return this.#cluster.events.on(name, listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ending) await this.#close();
  }

  #own<T>(promise: Promise<T>): Promise<T> {
    if (this.#promises === undefined) return promise;
    return new this.#promises<T>((resolve, reject) => promise.then(resolve, reject)) as Promise<T>;
  }

  #lease(): Promise<pg.PoolClient> {
    const scope = currentScope();
    this.#underWay += 1;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        this.#onEnd();
        reject(error);
      };
      const begin = (): void => {
        const decision = scope?.decide(this.#cluster.name) ?? outsideDecision;
        if (!decision.writes)
          return resolve(toPoolClient(new LeasedClient(this.#context, scope, this.#onEnd)));
        checkoutWriter(this.#cluster, decision.pinned, (error, checkout) => {
          if (checkout === undefined) fail(error);
          else resolve(lendWriter(this.#context, checkout, scope, this.#onEnd));
        });
      };
      try {
        const loading = scope?.session.loadPin();
        if (loading === undefined) begin();
        else loading.then(begin).catch(fail);
      } catch (error) {
        fail(error);
      }
    });
  }

  async #close(): Promise<void> {
    this.#ending = true;
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#cluster.close();
    this.#ended = true;
  }

  readonly #onEnd = (): void => {
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#onIdle?.();
  };

  /** Not part of pg-pool's documented face, but looked at by those who count connections. */
  #clients(): readonly unknown[] {
    return this.#cluster.pools.flatMap((pool): readonly unknown[] => pool.clients);
  }

  #sum(count: (pool: SessionPool) => number, countNode?: (node: PgNode) => number): number {
    let total = 0;
    for (const pool of this.#cluster.pools) total += count(pool);
    if (countNode !== undefined) for (const node of this.#cluster.nodes.values()) total += countNode(node);
    return total;
  }
}

function toPoolClient(client: object): pg.PoolClient {
  if (client instanceof pg.Client && 'release' in client) return client as pg.PoolClient;
  throw new TypeError('A leased client is not a pg.Client.');
}

/** Refuses to work after `end()`, in pg-pool's words. */
function refuse(
  callback: ((error: Error, ...rest: never[]) => void) | undefined,
): Promise<never> | undefined {
  const error = new Error('Cannot use a pool after calling end on the pool');
  if (callback === undefined) return Promise.reject(error);
  callback(error);
  return undefined;
}

/** pg-pool's answer to a call without a statement. */
function refuseFunction(callback: CallableFunction): undefined {
  const error = new Error('Passing a function as the first parameter to pool.query is not supported');
  setImmediate(() => callback(error));
  return undefined;
}

function rethrow(error: unknown): never {
  throw error;
}
