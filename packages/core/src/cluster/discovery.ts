import type { Clock, Timer } from './clock.js';

/** How often, and how patiently, the nodes of a cluster are looked for. */
export interface DiscoverySettings {
  /** ms between two looks, ± 10 %. */
  readonly discoverIntervalMs: number;
  /** ms after which a look has failed. */
  readonly discoverTimeoutMs: number;
}

export interface DiscoveryOptions<N> extends DiscoverySettings {
  /** Looks once. The signal is aborted when the answer comes too late to count. */
  readonly find: (signal: AbortSignal) => Promise<N>;
  readonly clock: Clock;
  /** Takes over what was found. What it throws counts as a failure of the look. */
  readonly onFound: (found: N) => void;
  readonly onFailed: (error: Error) => void;
  /** Whether something is missing that a look might find: the next ones then come sooner, if ever less so. */
  readonly isUrgent: () => boolean;
}

/** The shortest pause, in ms, between the beginnings of two looks, whoever asks for them. */
const leastPauseMs = 1_000;

/**
 * Looks for the nodes of a cluster: at the start, at every interval, and soon after something was lost. It never
 * looks twice at the same time. A look that fails changes nothing, and the next one comes as if it had not failed.
 */
export class Discovery<N> {
  readonly #options: DiscoveryOptions<N>;
  /** The look that is under way. */
  #look: AbortController | undefined;
  #began = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  /** When the timer fires. */
  #due = Number.POSITIVE_INFINITY;
  /** Something was lost since the last look began. */
  #hurried = false;
  /** After how many ms the next look comes where something is missing: each time later, as it may never be found. */
  #patience = leastPauseMs;
  #closed = false;

  constructor(options: DiscoveryOptions<N>) {
    this.#options = options;
  }

  /** Looks for the first time, and settles when that has ended, however it ended. */
  start(): Promise<void> {
    return this.#run();
  }

  /** Something was lost, or is missing: the next look comes as soon as it may. */
  hurry(): void {
    this.#hurried = true;
    this.#patience = leastPauseMs;
    if (this.#look === undefined) this.#schedule();
  }

  /** Gives up a look that is under way, and looks no more. */
  close(): void {
    this.#closed = true;
    this.#timer?.clear();
    this.#look?.abort(new Error('It is not wanted any more.'));
  }

  async #run(): Promise<void> {
    const { clock, find, onFound, onFailed, discoverTimeoutMs } = this.#options;
    const look = new AbortController();
    this.#look = look;
    this.#due = Number.POSITIVE_INFINITY;
    this.#hurried = false;
    this.#began = clock.now();
    const timer = clock.after(discoverTimeoutMs, () => {
      look.abort(new Error(`No answer within ${discoverTimeoutMs} ms.`));
    });
    try {
      const found = await orAborted(find, look.signal);
      if (!this.#closed) onFound(found);
    } catch (error) {
      if (!this.#closed) onFailed(error instanceof Error ? error : new Error(String(error)));
    } finally {
      timer.clear();
      this.#look = undefined;
      this.#schedule();
      this.#patience *= 2;
    }
  }

  /** Sets the timer, unless the next look comes sooner anyway. */
  #schedule(): void {
    const { clock, discoverIntervalMs, isUrgent } = this.#options;
    const pause =
      this.#hurried || isUrgent()
        ? this.#began + Math.min(this.#patience, discoverIntervalMs) - clock.now()
        : discoverIntervalMs * (0.9 + 0.2 * clock.random());
    const due = clock.now() + Math.max(pause, 0);
    if (this.#closed || due >= this.#due) return;
    this.#due = due;
    this.#timer?.clear();
    this.#timer = clock.after(due - clock.now(), () => void this.#run());
  }
}

/** What a function finds, or the reason of a signal that is aborted before. */
function orAborted<N>(find: (signal: AbortSignal) => Promise<N>, signal: AbortSignal): Promise<N> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    find(signal).then(resolve, reject);
  });
}
