import type { Clock, Timer } from './clock.js';
import { describe, type NodeDescription, type Observation, unknownNode } from './node-description.js';
import { SharedTask } from './shared-task.js';

/** How a monitor looks at its node. An engine brings one. */
export interface Prober {
  /**
   * Looks once. The signal is aborted when the answer comes too late to count: the prober then gives up its
   * connection.
   */
  observe(signal: AbortSignal): Promise<Observation>;
  /** Whether an error means that nobody listens there, so that there is no use in asking again at once. */
  isRefusal(error: Error): boolean;
  close(): void;
  /** Set by the monitor: to be called when a connection to the node ends by itself. */
  onLost?: (() => void) | undefined;
}

/** How often, and how patiently, nodes are probed. */
export interface MonitorSettings {
  /** ms between two probes, ± 10 %. */
  readonly probeIntervalMs: number;
  /** ms after which a probe has failed. */
  readonly probeTimeoutMs: number;
  /** How many probes in a row must fail before a node is down. */
  readonly failureThreshold: number;
  /** The longest pause, in ms, between two tries of a node that is down. */
  readonly downtimeMs: number;
}

/** What a monitor needs from the rest of the cluster. */
export interface MonitorHooks {
  /** How far behind an observed node is, and whether that is too far to read from it. */
  judgeLag(observation: Observation): { readonly lagMs: number | undefined; readonly lagging: boolean };
  onDescription(next: NodeDescription, previous: NodeDescription): void;
}

/**
 * Watches one node: a probe at every interval, and one at once when somebody suspects the node. It never asks
 * twice at the same time, and what it learns replaces the description as a whole.
 */
export class NodeMonitor {
  readonly #prober: Prober;
  readonly #settings: MonitorSettings;
  readonly #clock: Clock;
  readonly #hooks: MonitorHooks;
  #description: NodeDescription;
  #timer: Timer | undefined;
  readonly #probes = new SharedTask(() => this.#probe());
  #suspected = false;
  #lostAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(node: string, prober: Prober, settings: MonitorSettings, clock: Clock, hooks: MonitorHooks) {
    this.#description = unknownNode(node);
    this.#prober = prober;
    this.#settings = settings;
    this.#clock = clock;
    this.#hooks = hooks;
    prober.onLost = () => this.#lose();
  }

  get description(): NodeDescription {
    return this.#description;
  }

  /** Probes now: once for all who ask at a time. */
  check(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#timer?.clear();
    this.#timer = undefined;
    return this.#probes.ask();
  }

  /** A statement has failed in a way that a dead node would explain: one failed probe now proves it. */
  suspect(): Promise<void> {
    this.#suspected = true;
    return this.check();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.clear();
    this.#prober.close();
  }

  /** A server that has restarted may have gone back to an earlier position. */
  #lose(): void {
    if (this.#closed) return;
    this.#become({ position: undefined });
    const now = this.#clock.now();
    // A server that hangs up again and again is asked no more often than others.
    if (now - this.#lostAt >= this.#settings.probeIntervalMs) void this.suspect();
    this.#lostAt = now;
  }

  async #probe(): Promise<void> {
    if (this.#closed) return;
    this.#timer?.clear();
    const suspected = this.#suspected;
    this.#suspected = false;
    const retried = this.#description.state === 'down';
    if (retried) this.#become({ state: 'connecting' });
    const began = this.#clock.now();
    const abort = new AbortController();
    const timer = this.#clock.after(this.#settings.probeTimeoutMs, () => {
      abort.abort(new Error(`No answer to a probe within ${this.#settings.probeTimeoutMs} ms.`));
    });
    try {
      const observation = await this.#prober.observe(abort.signal);
      if (!this.#closed) this.#succeed(observation, began);
    } catch (error) {
      if (!this.#closed)
        this.#fail(error instanceof Error ? error : new Error(String(error)), suspected || retried);
    } finally {
      timer.clear();
      this.#schedule();
    }
  }

  #succeed(observation: Observation, began: number): void {
    const now = this.#clock.now();
    const { lagMs, lagging } = this.#hooks.judgeLag(observation);
    this.#become({
      ...observation,
      lagMs,
      state: lagging ? 'lagging' : 'up',
      roundTripMs: now - began,
      observedAt: now,
      failures: 0,
      error: undefined,
    });
  }

  #fail(error: Error, doubted: boolean): void {
    const failures = this.#description.failures + 1;
    const dead = doubted || failures >= this.#settings.failureThreshold || this.#prober.isRefusal(error);
    this.#become({ failures, error, ...(dead && { state: 'down' as const }) });
  }

  #become(news: Partial<NodeDescription>): void {
    const previous = this.#description;
    this.#description = describe(previous, news);
    this.#hooks.onDescription(this.#description, previous);
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer?.clear();
    const { state, failures } = this.#description;
    const { probeIntervalMs, downtimeMs } = this.#settings;
    const pause =
      state === 'down'
        ? Math.min(probeIntervalMs * 2 ** Math.min(failures, 20), downtimeMs)
        : probeIntervalMs;
    const jitter = 0.9 + 0.2 * this.#clock.random();
    this.#timer = this.#clock.after(pause * jitter, () => void this.check());
  }
}
