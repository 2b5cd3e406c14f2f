import type { Clock } from '@node-replicated/core/cluster';
import pg from 'pg';
import { callUser, destroyConnection, setRef } from './connection-use.js';
import { IdleConnections } from './idle-connections.js';
import { type Doorkeeper, type Opening, openClient, type Proof } from './open-client.js';
import { type ConnectionHooks, PoolConnection, type Taker } from './pool-connection.js';
import type { PoolEvents } from './pool-events.js';
import { type PoolLimits, poolLimits } from './pool-limits.js';
import { type ClientClass, pooledClass } from './pooled-client.js';
import { WaitingLine } from './waiting-line.js';

/** What a pool of connections needs. */
export interface SessionPoolParts {
  /** What `pg.Pool` takes. */
  readonly config: pg.PoolConfig;
  readonly prove: Proof;
  readonly doorkeeper: Doorkeeper;
  readonly events: PoolEvents;
  readonly clock: Clock;
}

/**
 * One of a node's pools: connections of one kind of session, as many as are needed and no more than `max`. It
 * knows `pg.Pool`'s options and does what that does, but hands an idle connection over at once, and can be given up
 * while others wait for it.
 */
export class SessionPool {
  readonly #config: pg.PoolConfig;
  readonly #Client: ClientClass;
  readonly #opening: Opening;
  readonly #hooks: ConnectionHooks = {
    onRelease: (connection, error) => this.#giveBack(connection, error),
    onError: (connection, error) => this.#lost(connection, error),
  };
  readonly #events: PoolEvents;
  readonly #clock: Clock;
  readonly #limits: PoolLimits;
  readonly #connections = new Set<PoolConnection>();
  readonly #idle: IdleConnections<PoolConnection>;
  readonly #waiting: WaitingLine<Taker>;
  /** Clients that were told to end, and have not yet. */
  readonly #leaving = new Set<pg.Client>();
  #max: number;
  #serving = false;
  #retiredWith: Error | undefined;
  #ended: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  constructor({ config, prove, doorkeeper, events, clock }: SessionPoolParts) {
    const limits = poolLimits(config);
    this.#max = limits.max;
    this.#limits = limits;
    this.#config = hidePassword(config);
    this.#Client = pooledClass((config.Client as ClientClass | undefined) ?? pg.Client);
    this.#opening = { config, prove, doorkeeper };
    this.#clock = clock;
    this.#events = events;
    this.#idle = new IdleConnections(
      limits.idleTimeoutMs,
      () => this.#connections.size > limits.min,
      (connection) => this.#remove(connection, 'remove idle client'),
    );
    this.#waiting = new WaitingLine(limits.patienceMs, clock, refuseLate);
  }

  /** How many connections there may be. */
  set max(value: number) {
    this.#max = value;
    this.#serve();
  }

  /** The clients of its connections, also of those that are being opened. */
  get clients(): readonly pg.PoolClient[] {
    return [...this.#connections].map(({ client }) => client);
  }

  get totalCount(): number {
    return this.#connections.size;
  }

  get idleCount(): number {
    return this.#idle.size;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** How many are in use, and older than they may be. */
  get expiredCount(): number {
    let count = 0;
    for (const { isExpired } of this.#connections) if (isExpired) count += 1;
    return count;
  }

  /** Takes a connection: at once where one is idle, and nobody was there before. */
  take(taker: Taker): void {
    if (this.#retiredWith !== undefined) return taker.onRefused(this.#retiredWith);
    if (this.#waiting.length === 0) {
      const connection = this.#takeIdle();
      if (connection !== undefined) return this.#lend(connection, taker);
      if (this.#hasRoom) return this.#open(taker);
    }
    this.#waiting.add(taker);
    this.#serve();
  }

  /**
   * Lets nobody take a connection any more: whoever waits gets the error, what is idle is closed, and the rest when it
   * comes back.
   *
   * @returns when nobody has a connection any more
   */
  retire(error: Error): Promise<void> {
    this.#retiredWith ??= error;
    this.#refuse(error);
    this.#ended ??= new Promise((resolve) => {
      this.#onEmpty = resolve;
      for (const connection of this.#idle.clear()) this.#remove(connection);
      this.#settle();
    });
    return this.#ended;
  }

  /**
   * The node does not answer: whoever waits gets the error, and connections are cut.
   *
   * @param isConcerned whether a connection is one of them. @default all are
   */
  sever(error: Error, isConcerned: (client: pg.Client) => boolean = () => true): void {
    this.#refuse(error);
    for (const client of [...this.clients, ...this.#leaving]) {
      if (isConcerned(client)) destroyConnection(client);
    }
  }

  #takeIdle(): PoolConnection | undefined {
    let connection = this.#idle.pop();
    // Its last user may have ended it only after it came back.
    while (connection !== undefined && !connection.isUsable) {
      this.#remove(connection);
      connection = this.#idle.pop();
    }
    if (this.#limits.allowExitOnIdle && connection !== undefined) setRef(connection.client, 'ref');
    return connection;
  }

  #lend(connection: PoolConnection, taker: Taker): void {
    connection.isLent = true;
    this.#events.acquired(connection.client);
    taker.onTaken(connection.client, connection.release);
  }

  #giveBack(connection: PoolConnection, error: Error | undefined): void {
    this.#events.released(error, connection.client);
    if (error || this.#ended !== undefined || !connection.isUsable) return this.#remove(connection);
    if (connection.uses >= this.#limits.maxUses) return this.#remove(connection, 'remove expended client');
    if (connection.isExpired) return this.#remove(connection, 'remove expired client');
    if (this.#limits.allowExitOnIdle) setRef(connection.client, 'unref');
    this.#idle.push(connection);
    this.#serve();
  }

  get #hasRoom(): boolean {
    return this.#connections.size < this.#max;
  }

  /** @param until the moment at which a taker's patience ends that has waited before; 0: never */
  #open(taker: Taker, until = 0): void {
    this.#config.log?.('connecting new client');
    const connection = this.#make(taker);
    if (connection === undefined) return;
    this.#connections.add(connection);
    if (until !== 0) {
      connection.limitPatience(Math.max(until - this.#clock.now(), 0), this.#clock, refuseLate);
    }
    openClient(connection.client, this.#opening).then(
      () => this.#opened(connection),
      (error: unknown) => this.#failed(connection, error),
    );
  }

  /** An application's own class may throw. */
  #make(taker: Taker): PoolConnection | undefined {
    try {
      const client = new this.#Client(this.#config);
      return new PoolConnection(client, taker, this.#hooks);
    } catch (error) {
      taker.onRefused(error);
      return undefined;
    }
  }

  #opened(connection: PoolConnection): void {
    const { client } = connection;
    connection.limitLife(this.#limits.maxLifetimeMs, this.#clock, () => {
      if (this.#idle.remove(connection)) this.#remove(connection, 'remove expired client');
    });
    this.#events.connected(client);
    const taker = connection.takeWanted() ?? nobody;
    const { verify } = this.#config;
    this.#lend(connection, verify === undefined ? taker : afterLooking(verify, taker));
  }

  #failed(connection: PoolConnection, error: unknown): void {
    this.#connections.delete(connection);
    this.#serve();
    this.#settle();
    connection.takeWanted()?.onRefused(error);
  }

  /** A connection is broken. Whoever has it is told of that by it. */
  #lost(connection: PoolConnection, error: Error): void {
    if (!this.#idle.remove(connection)) return;
    this.#remove(connection, 'remove lost client');
    this.#events.lost(Object.assign(error, { client: connection.client }), connection.client);
  }

  #remove(connection: PoolConnection, why?: string): void {
    if (why !== undefined) this.#config.log?.(why);
    const { client } = connection;
    connection.unlimitLife();
    this.#connections.delete(connection);
    this.#leaving.add(client);
    client.end(() => {
      this.#leaving.delete(client);
      this.#events.removed(client);
      this.#serve();
    });
    this.#settle();
  }

  /** There may be a connection for those who wait, or room for one. */
  #serve(): void {
    // One who gives back at once does so from within: the loop goes on.
    if (this.#serving) return;
    this.#serving = true;
    try {
      while (this.#waiting.length > 0 && this.#serveNext());
    } finally {
      this.#serving = false;
    }
  }

  /** @returns whether whoever was there first has got what there is */
  #serveNext(): boolean {
    const connection = this.#takeIdle();
    if (connection === undefined && !this.#hasRoom) return false;
    const waiter = this.#waiting.next();
    if (waiter === undefined) return false;
    if (connection === undefined) this.#open(waiter.who, waiter.until);
    else this.#lend(connection, waiter.who);
    return true;
  }

  #settle(): void {
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  #refuse(error: Error): void {
    const refused = [...this.#waiting.clear()];
    for (const connection of this.#connections) {
      const taker = connection.takeWanted();
      if (taker !== undefined) refused.push(taker);
    }
    for (const taker of refused) taker.onRefused(error);
  }
}

/** In pg-pool's words. */
function refuseLate(taker: Taker): void {
  taker.onRefused(new Error('timeout exceeded when trying to connect'));
}

/** Stands for who wanted a connection, and has been refused meanwhile. */
const nobody: Taker = {
  onTaken: (_client, release) => release(),
  onRefused: () => undefined,
};

/** Lets the application look at a new connection before its taker gets it. */
function afterLooking(verify: NonNullable<pg.PoolConfig['verify']>, taker: Taker): Taker {
  const onTaken: Taker['onTaken'] = (client, release) =>
    callUser(() =>
      verify(client, (error) => {
        if (!error) return taker.onTaken(client, release);
        release(error);
        taker.onRefused(error);
      }),
    );
  return { onTaken, onRefused: (error) => taker.onRefused(error) };
}

/** Settings that a client's class may print. */
function hidePassword(config: pg.PoolConfig): pg.PoolConfig {
  const hidden = { ...config };
  Object.defineProperty(hidden, 'password', { enumerable: false, writable: true, value: config.password });
  return hidden;
}
