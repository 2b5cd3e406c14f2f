import type { NodeFailure, Observation, Position, Prober, Timer } from '@node-replicated/core/cluster';
import type pg from 'pg';
import { nodeFailure, plainError } from './node-failure.js';
import { ProbeLink } from './probe-link.js';
import type { World } from './world.js';

/** Looks at a PostgreSQL server over one connection of its own, apart from the application's statements. */
export class PgProber implements Prober {
  /** Called when the connection to the node ends by itself. */
  onLost: (() => void) | undefined;
  readonly #config: pg.ClientConfig;
  readonly #world: World;
  #link: ProbeLink | undefined;

  constructor(config: pg.ClientConfig, world: World) {
    this.#world = world;
    this.#config = { ...config, password: config.password, application_name: 'node-replicated monitor' };
  }

  async observe(signal: AbortSignal): Promise<Observation> {
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    const link = this.#link ?? this.#open();
    try {
      return await Promise.race([link.observe(), late]);
    } catch (error) {
      link.close();
      if (this.#link === link) this.#link = undefined;
      throw plainError(error);
    }
  }

  /**
   * The primary's position, at or after every commit that has returned.
   *
   * @param ms how long to wait for the answer
   * @returns undefined when there is no connection, no answer in time, or the node is no primary
   */
  writtenPosition(ms: number): Promise<Position | undefined> {
    return this.#askFor(ms, (link) => link.written());
  }

  /**
   * A position at or after everything that the node has shown.
   *
   * @param ms how long to wait for the answer
   * @returns undefined when there is no connection, or no answer in time
   */
  shownPosition(ms: number): Promise<Position | undefined> {
    return this.#askFor(ms, async (link) => (await link.observe()).position);
  }

  /**
   * How far a standby has surely replayed: on the timeline that was last observed over the same connection, or on
   * one that follows it.
   *
   * @param ms how long to wait for the answer
   * @returns undefined when there is no connection, no answer in time, or the node is no standby
   */
  replayedPosition(ms: number): Promise<Position | undefined> {
    return this.#askFor(ms, (link) => link.replayed());
  }

  failureOf(error: unknown): NodeFailure {
    return nodeFailure(error);
  }

  renew(): void {
    this.close();
  }

  close(): void {
    this.#link?.close();
    this.#link = undefined;
  }

  #open(): ProbeLink {
    const onLost = (): void => {
      if (this.#link !== link) return;
      this.#link = undefined;
      this.onLost?.();
    };
    const link = new ProbeLink(this.#config, onLost, this.#world.ProbeClient);
    this.#link = link;
    return link;
  }

  async #askFor<T>(ms: number, ask: (link: ProbeLink) => Promise<T | undefined>): Promise<T | undefined> {
    const link = this.#link;
    if (link === undefined) return undefined;
    let timer: Timer | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = this.#world.clock.after(ms, () => resolve(undefined), true);
    });
    try {
      return await Promise.race([ask(link), late]);
    } catch {
      return undefined;
    } finally {
      timer?.clear();
    }
  }
}
