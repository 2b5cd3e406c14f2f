import type { QueryAnswer } from './admin-session.js';
import type { ShutdownMode } from './server-process.js';
import type { CutMode } from './tcp-proxy.js';

/**
 * One server of a cluster, and all that can happen to it.
 *
 * Every method that changes something resolves when the change is in effect. A call that the node's
 * state does not allow rejects with `ERR_CLUSTER_STATE`; a state that does not come about in time
 * with `ERR_CLUSTER_TIMEOUT`, and the end of the server's log.
 */
export interface LocalNode {
  /** `primary`, `replica-1`, `replica-2` … It stays the same when roles change. */
  readonly name: string;
  /** Always `127.0.0.1`. */
  readonly host: string;
  /** The proxy's port: the one applications use. */
  readonly port: number;
  /** The server's own port. */
  readonly serverPort: number;
  /** The address for applications. It goes through the proxy, so that it can be cut. */
  readonly url: string;
  /** The address past the proxy. */
  readonly directUrl: string;
  /** Whether the server is there; a frozen one is. */
  readonly running: boolean;
  /** The postmaster's process id while it runs. */
  readonly pid: number | undefined;

  /**
   * Delays what this replica shows of the primary's commits. The setting stays with the node, also
   * over a restart and a promotion, until it is changed.
   *
   * @param milliseconds 0 removes the delay
   */
  setLag(milliseconds: number): Promise<void>;
  /** Stops showing new commits, while receiving goes on. Resolves when replay stands still. */
  pauseReplay(): Promise<void>;
  /** Undoes `pauseReplay()`. */
  resumeReplay(): Promise<void>;

  /** SIGSTOP for all processes of the server: connections hang, new ones open and hang as well. */
  freeze(): Promise<void>;
  /** Undoes `freeze()`. Does nothing on a node that is not frozen. */
  thaw(): Promise<void>;
  /** `kill -9` for all processes of the server. Connections break, new ones are refused. */
  kill(): Promise<void>;
  /**
   * Stops the server in order; a frozen one is thawed first.
   *
   * @param mode `fast` by default. A primary then waits until its standbys have everything, so a
   * frozen one holds it up: `immediate` does not wait
   */
  shutdown(mode?: ShutdownMode): Promise<void>;
  /** Starts a stopped server, or stops a running one (fast) and starts it. */
  restart(): Promise<void>;

  /** Makes this replica a primary. Those that streamed from it go on; all others have to `follow()` it. */
  promote(): Promise<void>;
  /**
   * Makes this node, running or not, a standby of another one and waits until it streams from it.
   * When its history has gone another way, its data is replaced by a fresh copy.
   */
  follow(node: LocalNode): Promise<void>;

  /**
   * Breaks the way between applications and the server; replication goes on. It stays broken over
   * a restart.
   *
   * @param mode `refuse` by default
   */
  cut(mode?: CutMode): Promise<void>;
  /** Undoes `cut()`. What a black hole has held back is delivered. */
  heal(): Promise<void>;

  /**
   * Runs one statement as superuser, in a session of its own, past the proxy.
   *
   * @throws the error of `pg` when the statement fails
   */
  query<Row = Record<string, unknown>>(sql: string, values?: readonly unknown[]): Promise<QueryAnswer<Row>>;
}
