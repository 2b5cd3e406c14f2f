/** How many servers are remembered, which is far more than there are. */
const mostServers = 1_000;

/** What a server tells of itself besides its answer. */
export interface ServerFacts {
  /** The name of its history: a new one when it is started anew, or made the master in place of another. */
  readonly history: string;
  readonly uptimeSeconds: number;
  /** The history that it has gone on with, of a former master or of itself; of zeros when there was none. */
  readonly formerHistory: string;
}

/**
 * Since when Redis has kept everything. A server that was started anew knows at most what was on its disk, and one that
 * has taken another's place may lack what that one had not sent yet.
 */
export class ServerMemory {
  readonly #known = new Set<string>();
  #completeSince = Number.NEGATIVE_INFINITY;
  #latest = '';

  /** In ms of the clock whose time is given. */
  get completeSince(): number {
    return this.#completeSince;
  }

  /** The history that answered last: of that one nothing more need be told. */
  get latest(): string {
    return this.#latest;
  }

  /**
   * A server has answered.
   *
   * @param now ms
   */
  hear({ history, uptimeSeconds, formerHistory }: ServerFacts, now: number): void {
    this.#latest = history;
    if (this.#known.has(history)) return;
    if (this.#known.size >= mostServers) this.#known.clear();
    this.#known.add(history);
    const isHeir = /[^0]/.test(formerHistory);
    const since = isHeir ? now : now - uptimeSeconds * 1_000;
    this.#completeSince = Math.max(this.#completeSince, since);
  }
}
