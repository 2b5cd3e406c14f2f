import type { Clock, Timer } from './cluster/clock.js';
import type { ClusterEvents, CountedEventName } from './cluster-events.js';
import { type EventLine, eventLines } from './event-lines.js';

/** Where log lines go: what pino, and most other loggers, have. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** For so long, in ms, no more than {@link mostLines} lines of one kind are written. */
const windowMs = 10_000;

/** How many lines of one kind, about one node, are written at once; of the rest only the last, and how many they were. */
const mostLines = 3;

/** Of how many nodes the last state is remembered. */
const mostStates = 1_000;

interface Window {
  readonly event: CountedEventName;
  readonly timer: Timer;
  written: number;
  held: EventLine | undefined;
  /** How many lines the held one stands for, besides itself. */
  leftOut: number;
}

/** Writes the events of a cluster as log lines, so many at a time. A logger that throws is ignored. */
export class EventLog {
  readonly #logger: Logger;
  readonly #cluster: string;
  readonly #clock: Clock;
  readonly #stops: readonly (() => void)[];
  readonly #windows = new Map<string, Window>();
  /** What was last said of nodes. */
  readonly #states = new Map<string, string>();

  constructor(logger: Logger, cluster: string, events: ClusterEvents, clock: Clock) {
    this.#logger = logger;
    this.#cluster = cluster;
    this.#clock = clock;
    const names = Object.keys(eventLines) as CountedEventName[];
    this.#stops = names.map((name) => this.#follow(name, events));
  }

  /** Writes what was held back, and hears no more. */
  close(): void {
    for (const stop of this.#stops) stop();
    for (const window of this.#windows.values()) {
      window.timer.clear();
      this.#writeHeld(window);
    }
    this.#windows.clear();
  }

  #follow<N extends CountedEventName>(name: N, events: ClusterEvents): () => void {
    return events.on(name, (payload) => {
      const line = eventLines[name](payload);
      if (line !== undefined) this.#note(name, line);
    });
  }

  #note(event: CountedEventName, line: EventLine): void {
    const key = `${event} ${line.about}`;
    if (line.state && !this.#isNews(key, line.message)) return;
    const window = this.#windows.get(key) ?? this.#open(key, event);
    if (window.written < mostLines) {
      window.written += 1;
      this.#write(event, line, 0);
    } else {
      if (window.held !== undefined) window.leftOut += 1;
      window.held = line;
    }
  }

  #isNews(key: string, state: string): boolean {
    if (this.#states.get(key) === state) return false;
    if (this.#states.size >= mostStates) this.#states.clear();
    this.#states.set(key, state);
    return true;
  }

  #open(key: string, event: CountedEventName): Window {
    const timer = this.#clock.after(windowMs, () => this.#shut(key));
    const window = { event, timer, written: 0, held: undefined, leftOut: 0 };
    this.#windows.set(key, window);
    return window;
  }

  #shut(key: string): void {
    const window = this.#windows.get(key);
    this.#windows.delete(key);
    if (window?.held === undefined) return;
    this.#open(key, window.event).written += 1;
    this.#writeHeld(window);
  }

  #writeHeld({ event, held, leftOut }: Window): void {
    if (held !== undefined) this.#write(event, held, leftOut);
  }

  #write(event: CountedEventName, { level, message, fields }: EventLine, leftOut: number): void {
    const rest = leftOut === 0 ? {} : { leftOut };
    const text = leftOut === 0 ? message : `${message} (${leftOut} more were left out)`;
    try {
      const done: unknown = this.#logger[level]({ event, cluster: this.#cluster, ...fields, ...rest }, text);
      if (done instanceof Promise) done.catch(() => undefined);
    } catch {
      // Whoever writes the log may fail; statements do not.
    }
  }
}
