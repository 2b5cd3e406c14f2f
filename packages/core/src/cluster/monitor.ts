import type { Clock, Timer } from './clock.js';
import {
  describe,
  type NodeDescription,
  type NodeFailure,
  type Observation,
  unknownNode,
} from './node-description.js';
import { SharedTask } from './shared-task.js';

/** How a monitor looks at its node. An engine brings one. */
export interface Prober {
  /**
   * Looks once. The signal is aborted when the answer comes too late to count: the prober then gives up its
   * connection.
   */
  observe(signal: AbortSignal): Promise<Observation>;
  /** What the error of a look means. */
  failureOf(error: unknown): NodeFailure;
  /** Gives up its connection, so that the next look shows whether new ones are let in. */
  renew(): void;
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

/**
 * What a failed probe does to a node. It takes the node down `at-once`, or when the threshold is reached or a
 * statement has failed as well (`in-doubt`), or only if the node was not seen before (`unless-seen`). While it is
 * down, it is tried at pauses that stay the same, that grow up to `downtimeMs`, or that are the longest from the
 * start, because nothing but a person can help and every try is noted in the server's log.
 */
const reactions: Readonly<
  Record<
    NodeFailure,
    {
      readonly down: 'at-once' | 'in-doubt' | 'unless-seen';
      readonly pauses: 'steady' | 'growing' | 'longest';
    }
  >
> = {
  unreachable: { down: 'at-once', pauses: 'growing' },
  rejected: { down: 'at-once', pauses: 'longest' },
  'not-ready': { down: 'at-once', pauses: 'steady' },
  full: { down: 'unless-seen', pauses: 'growing' },
  'no-answer': { down: 'in-doubt', pauses: 'growing' },
};

/** The shortest pause, in ms, between two tries of a node that is down, while somebody waits for it. */
export function hurriedPause({ probeIntervalMs, probeTimeoutMs, downtimeMs }: MonitorSettings): number {
  return Math.min(probeIntervalMs, probeTimeoutMs, downtimeMs);
}

/** What a monitor needs from the rest of the cluster. */
export interface MonitorHooks {
  /** How far behind a node at a position is, and whether that is too far to read from it. */
  judgeLag(seen: Pick<NodeDescription, 'role' | 'position'>): {
    readonly lagMs: number | undefined;
    readonly lagging: boolean;
  };
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
  /** When the last probe ended. */
  #triedAt = Number.NEGATIVE_INFINITY;
  #probing = false;
  /** Whether the timer asks for the probe that begins next. */
  #due = false;
  #suspected = false;
  #renewing = false;
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

  /**
   * Probes now: once for all who ask at a time. A node that is down is tried at most at every
   * {@link hurriedPause}, and one that rejects us only when it is due, however many ask.
   */
  check(): Promise<void> {
    if (this.#closed || this.#isTooEarly()) return Promise.resolve();
    return this.#probes.ask();
  }

  /**
   * A statement has failed in a way that a dead node would explain: one failed probe now proves it.
   *
   * @param renewed whether new connections fail, while the monitor's own may live on
   */
  suspect(renewed = false): Promise<void> {
    this.#suspected = true;
    if (renewed) this.#renewing = true;
    return this.check();
  }

  /** Statements on the node get no answer, which may be their own fault: probes now, unless it is in doubt already. */
  doubt(): void {
    if (!this.#probing && this.#description.failures === 0) void this.check();
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
    // Those who ask while a probe is under way may have to wait after it.
    if (this.#closed || this.#isTooEarly()) return;
    this.#timer?.clear();
    const doubted = this.#suspected || this.#description.state === 'down';
    this.#due = false;
    this.#suspected = false;
    if (this.#renewing) this.#prober.renew();
    this.#renewing = false;
    if (this.#description.state === 'down') this.#become({ state: 'connecting' });
    const began = this.#clock.now();
    this.#probing = true;
    const abort = new AbortController();
    const timer = this.#clock.after(this.#settings.probeTimeoutMs, () => {
      abort.abort(new Error(`No answer to a probe within ${this.#settings.probeTimeoutMs} ms.`));
    });
    try {
      const observation = await this.#prober.observe(abort.signal);
      if (!this.#closed) this.#succeed(observation, began);
    } catch (error) {
      if (!this.#closed) this.#fail(error instanceof Error ? error : new Error(String(error)), doubted);
    } finally {
      timer.clear();
      this.#probing = false;
      this.#triedAt = this.#clock.now();
      this.#schedule(this.#pause());
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
      failure: undefined,
    });
  }

  #fail(error: Error, doubted: boolean): void {
    const failure = this.#prober.failureOf(error);
    const failures = this.#description.failures + 1;
    const { down } = reactions[failure];
    const seen = this.#description.state === 'up' || this.#description.state === 'lagging';
    const inDoubt = doubted || failures >= this.#settings.failureThreshold;
    const dead = down === 'at-once' || (inDoubt && (down === 'in-doubt' || !seen));
    this.#become({
      failures,
      error,
      failure,
      ...(dead ? { state: 'down' as const } : seen && this.#rejudged()),
    });
  }

  /** A node that is up and could not be seen this time is behind more and more, as far as is known. */
  #rejudged(): Partial<NodeDescription> {
    if (this.#description.position === undefined) return {};
    const { lagMs, lagging } = this.#hooks.judgeLag(this.#description);
    return { lagMs, state: lagging ? 'lagging' : this.#description.state };
  }

  #become(news: Partial<NodeDescription>): void {
    const previous = this.#description;
    this.#description = describe(previous, news);
    this.#hooks.onDescription(this.#description, previous);
  }

  /**
   * Whether a node that is down was tried a moment ago, or is not to be tried before it is due. In the first case
   * it is due soon.
   */
  #isTooEarly(): boolean {
    const { state, failure } = this.#description;
    if (state !== 'down' || this.#due) return false;
    if (failure !== undefined && reactions[failure].pauses === 'longest') return true;
    const pause = this.#triedAt + hurriedPause(this.#settings) - this.#clock.now();
    if (pause > 0) this.#schedule(pause);
    return pause > 0;
  }

  /** The pause, in ms, before the next probe that nobody asks for. */
  #pause(): number {
    const { probeIntervalMs, downtimeMs } = this.#settings;
    const jitter = 0.9 + 0.2 * this.#clock.random();
    const { state, failures, failure } = this.#description;
    if (state !== 'down') return probeIntervalMs * jitter;
    switch (reactions[failure ?? 'no-answer'].pauses) {
      case 'steady':
        return Math.min(probeIntervalMs, downtimeMs) * jitter;
      case 'growing':
        return Math.min(probeIntervalMs * 2 ** Math.min(failures, 20), downtimeMs) * jitter;
      case 'longest':
        return downtimeMs * jitter;
    }
  }

  #schedule(pause: number): void {
    if (this.#closed) return;
    this.#timer?.clear();
    this.#timer = this.#clock.after(pause, () => {
      this.#due = true;
      void this.#probes.ask();
    });
  }
}
