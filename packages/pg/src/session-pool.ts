import { runInScope } from '@node-replicated/core/adapter';
import pg from 'pg';
import { destroyConnection } from './connection-use.js';

type ClientClass = new (config?: pg.ClientConfig) => pg.Client;

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
  readonly #waiting = new Set<Taken>();
  readonly #clients = new Set<pg.Client>();

  constructor(config: pg.PoolConfig, prove: Proof) {
    const clients = this.#clients;
    const settings: pg.PoolConfig & ScopeFreeConfig = {
      ...config,
      password: config.password,
      Client: scopeFree((config.Client as ClientClass | undefined) ?? pg.Client),
      [openedKey]: (client: pg.Client) => {
        clients.add(client);
        client.once('end', () => clients.delete(client));
      },
      onConnect: async (client) => {
        await prove(client);
        await config.onConnect?.(client);
      },
    };
    this.pool = new pg.Pool(settings);
    // While a client is checked out nobody else listens to it, and an error without a listener ends the process.
    // Whoever waits for a statement is told by the statement.
    this.pool.on('connect', (client) => client.on('error', () => undefined));
  }

  /** Takes a connection. */
  take(done: Taken): void {
    this.#waiting.add(done);
    this.pool.connect((error, client, release) => {
      if (this.#waiting.delete(done)) done(error, client, release);
      else if (client !== undefined) release();
    });
  }

  /**
   * Lets nobody take a connection any more: whoever waits gets the error, and the pool ends as soon as nobody
   * uses it.
   */
  async retire(error: Error): Promise<void> {
    const ended = this.pool.ending ? undefined : this.pool.end();
    this.#refuse(error);
    await ended;
  }

  /** The node does not answer: whoever waits gets the error, and all connections are cut. */
  sever(error: Error): void {
    this.#refuse(error);
    for (const client of this.#clients) destroyConnection(client);
  }

  #refuse(error: Error): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const done of waiting) done(error);
  }
}

/** Where a pool's settings hold what is to be told of its new clients: pg-pool hands all of them to each client. */
const openedKey = Symbol('opened');

interface ScopeFreeConfig extends pg.ClientConfig {
  readonly [openedKey]?: (client: pg.Client) => void;
}

const scopeFreeClasses = new WeakMap<ClientClass, ClientClass>();

/**
 * A class of clients whose sockets belong to no request: otherwise every event of a connection would run in the
 * scope of the request that happened to open it. There is one for each class, so that all pools share what the
 * engine learns of it.
 */
function scopeFree(Base: ClientClass): ClientClass {
  const known = scopeFreeClasses.get(Base);
  if (known !== undefined) return known;
  const made = class extends Base {
    readonly #opened: ScopeFreeConfig[typeof openedKey];

    constructor(config?: ScopeFreeConfig) {
      super(config);
      this.#opened = config?.[openedKey];
    }

    override connect(): Promise<pg.Client>;
    override connect(callback: (error: Error) => void): void;
    override connect(callback?: (error: Error) => void): Promise<pg.Client> | void {
      this.#opened?.(this);
      return runInScope(undefined, () => {
        if (callback !== undefined) return super.connect(callback);
        return super.connect().then(() => this);
      });
    }
  };
  scopeFreeClasses.set(Base, made);
  return made;
}
