import type { LocalNode } from '@node-replicated/local-cluster';
import { type NodeOptions, ReplicatedPool, type ReplicatedPoolOptions } from '@node-replicated/pg';
import { eventually, impatient, numberOn } from './stage.js';

let pools = 0;

/** A pool, and the list that it discovers, which a test changes as it likes. */
export class Discovered implements AsyncDisposable {
  /** How the pool is known to its servers. */
  readonly #applicationName: string;
  readonly pool: ReplicatedPool;
  /** What the next look finds: a list, now or later, an error, or nothing until it is given up. */
  next: readonly NodeOptions[] | Promise<readonly NodeOptions[]> | Error | 'silence';
  looks = 0;
  readonly signals: AbortSignal[] = [];

  constructor(next: Discovered['next'], options: ReplicatedPoolOptions = {}) {
    this.next = next;
    pools += 1;
    this.#applicationName = `discovering ${pools}`;
    this.pool = new ReplicatedPool({
      ...impatient,
      discoverIntervalMs: 100,
      application_name: this.#applicationName,
      discover: ({ signal }) => this.#discover(signal),
      ...options,
    });
  }

  async #discover(signal: AbortSignal): Promise<readonly NodeOptions[]> {
    this.looks += 1;
    this.signals.push(signal);
    const { next } = this;
    if (next instanceof Error) throw next;
    if (next !== 'silence') return next;
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }

  /** The names of the nodes that `status()` shows, in order. */
  get names(): readonly string[] {
    return this.pool
      .status()
      .nodes.map(({ name }) => name)
      .toSorted();
  }

  /** Waits until these nodes, and no others, are known and up. */
  async knows(...names: readonly string[]): Promise<void> {
    await eventually(`${names} are up`, () => {
      const { nodes } = this.pool.status();
      return this.names.join() === names.toSorted().join() && nodes.every(({ state }) => state === 'up');
    });
  }

  /** How many connections the pool has to a server, the monitor's not counted. */
  connectionsTo(node: LocalNode): Promise<number> {
    return numberOn(
      node,
      `SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = '${this.#applicationName}'`,
    );
  }

  /** Waits until neither the pool nor its monitor is connected to a server. */
  async hasLeft(node: LocalNode): Promise<void> {
    await eventually(`nothing is left on ${node.name}`, async () => {
      return (await this.connectionsTo(node)) === 0 && (await monitorsOf(node)) === 0;
    });
  }

  /** Waits until it has looked a second time, as it does while it has not found a primary yet. */
  async isCalm(): Promise<void> {
    await eventually('it has looked twice', () => this.looks === 2);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.pool.ending) await this.pool.end();
  }
}

/** A node as discovery names it. */
export function found({ name, url }: LocalNode): NodeOptions {
  return { name, connectionString: url };
}

/** How many monitors watch a server. */
export function monitorsOf(node: LocalNode): Promise<number> {
  return numberOn(
    node,
    "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'node-replicated monitor'",
  );
}
