/** What is idle since a moment, in ms of `performance.now()`. */
interface Idle {
  idleSince: number;
}

/** By how many ms a timer of Node's may be too early. */
const earlyMs = 1;

/**
 * The connections that nobody uses. The one that was used last is used next, so those at the other end are the ones
 * that can be spared: one timer, for the first of them, does for all. It is Node's own, as exact as pg-pool's, since
 * nobody's answer can be late here.
 */
export class IdleConnections<T extends Idle> {
  readonly #timeoutMs: number;
  readonly #canSpare: () => boolean;
  readonly #onSpared: (connection: T) => void;
  /** Those that are idle for longest come first. */
  readonly #connections: T[] = [];
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param timeoutMs for how many ms a connection may be idle; 0: for ever
   * @param canSpare whether there is one more than should stay
   * @param onSpared gets one that was idle for too long, and is no longer here
   */
  constructor(timeoutMs: number, canSpare: () => boolean, onSpared: (connection: T) => void) {
    this.#timeoutMs = timeoutMs;
    this.#canSpare = canSpare;
    this.#onSpared = onSpared;
  }

  get size(): number {
    return this.#connections.length;
  }

  push(connection: T): void {
    this.#connections.push(connection);
    if (this.#timeoutMs === 0) return;
    connection.idleSince = performance.now();
    if (this.#timer === undefined) this.#watch(connection.idleSince);
  }

  /** Takes the one that was used last. */
  pop(): T | undefined {
    return this.#connections.pop();
  }

  /** Takes a certain one. @returns whether it was idle */
  remove(connection: T): boolean {
    const index = this.#connections.lastIndexOf(connection);
    if (index !== -1) this.#connections.splice(index, 1);
    return index !== -1;
  }

  /** Takes all. */
  clear(): readonly T[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#connections.splice(0);
  }

  #watch(now: number): void {
    const [first] = this.#connections;
    if (first === undefined || !this.#canSpare()) return;
    const ms = Math.max(first.idleSince + this.#timeoutMs - now, 0);
    this.#timer = setTimeout(() => this.#expire(), ms).unref();
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    const latest = now + earlyMs - this.#timeoutMs;
    let first = this.#connections[0];
    while (first !== undefined && first.idleSince <= latest && this.#canSpare()) {
      this.#connections.shift();
      this.#onSpared(first);
      first = this.#connections[0];
    }
    this.#watch(now);
  }
}
