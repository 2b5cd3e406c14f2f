import pg from 'pg';
import { destroyConnection } from './connection-use.js';
import { type ClientClass, type Doorkeeper, gate, type PooledConfig, pooledClass } from './pooled-client.js';
import { Slots } from './slots.js';

/** As it was loaded: an application may have put a ReplicatedPool in its place, for libraries that make their own. */
const { Pool } = pg;

/** Told whether a connection could be taken. */
export type Taken = (error: unknown, client?: pg.PoolClient, release?: (error?: Error) => void) => void;

/** Looks at a new connection before its first use, and throws when it will not do. */
export type Proof = (client: pg.ClientBase) => Promise<void>;

/**
 * One of a node's pools. It is a `pg.Pool` that can be given up while others wait for it, or are in the middle
 * of something: pg-pool alone would let them wait for ever.
 */
export class SessionPool {
  readonly pool: pg.Pool;
  readonly #waiting = new Slots<Taken>();
  readonly #clients = new Set<pg.Client>();
  #retiredWith: Error | undefined;

  constructor(config: pg.PoolConfig, prove: Proof, doorkeeper: Doorkeeper) {
    const clients = this.#clients;
    const settings: PooledConfig = {
      ...config,
      password: config.password,
      Client: pooledClass((config.Client as ClientClass | undefined) ?? pg.Client),
      [gate]: {
        refusal: () => doorkeeper.refusal(),
        onTried: (error) => doorkeeper.onTried(error),
        onOpen: (client) => {
          clients.add(client);
          client.once('end', () => clients.delete(client));
        },
      },
      onConnect: async (client) => {
        await withinTime(config.connectionTimeoutMillis, client, prove(client));
        await config.onConnect?.(client);
      },
    };
    this.pool = new Pool(settings);
    // While a client is checked out nobody else listens to it, and an error without a listener ends the process.
    // Whoever waits for a statement is told by the statement.
    this.pool.on('connect', (client) => client.on('error', () => undefined));
  }

  /** Takes a connection. */
  take(done: Taken): void {
    if (this.#retiredWith !== undefined) return done(this.#retiredWith);
    const slot = this.#waiting.add(done);
    this.pool.connect((error, client, release) => {
      if (this.#waiting.remove(slot, done)) done(error, client, release);
      else if (client !== undefined) release();
    });
  }

  /**
   * Lets nobody take a connection any more: whoever waits gets the error, and the pool ends as soon as nobody
   * uses it.
   */
  async retire(error: Error): Promise<void> {
    this.#retiredWith ??= error;
    const ended = this.pool.ending ? undefined : this.pool.end();
    this.#refuse(error);
    await ended;
  }

  /**
   * The node does not answer: whoever waits gets the error, and connections are cut.
   *
   * @param isConcerned whether a connection is one of them. @default all are
   */
  sever(error: Error, isConcerned: (client: pg.Client) => boolean = () => true): void {
    this.#refuse(error);
    for (const client of this.#clients) if (isConcerned(client)) destroyConnection(client);
  }

  #refuse(error: Error): void {
    for (const done of this.#waiting.clear()) done(error);
  }
}

/** A server may let a connection in and then say nothing: the time to connect holds for its proof too. */
async function withinTime(
  ms: number | undefined,
  client: pg.ClientBase,
  proof: Promise<void>,
): Promise<void> {
  if (!ms) return proof;
  let late: Error | undefined;
  const timer = setTimeout(() => {
    // In pg-pool's words.
    late = new Error('Connection terminated due to connection timeout');
    destroyConnection(client);
  }, ms);
  try {
    await proof;
  } catch (error) {
    throw late ?? error;
  } finally {
    clearTimeout(timer);
  }
}
