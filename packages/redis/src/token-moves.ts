import { SharedTask } from '@node-replicated/core/cluster';

/** One step of a client's token. */
export interface TokenMove {
  readonly advance: (stored: string | undefined) => string;
  readonly ttlMs: number;
}

/**
 * The moves of one client's token by this process: those that come while one is under way are made together, in one
 * step. So many requests of one client cost two steps, and do not compete with each other.
 */
export class TokenMoves {
  /** How many wait for theirs. */
  users = 0;
  #waiting: TokenMove[] = [];
  readonly #task: SharedTask<void>;

  /** @param make makes moves, one after the other, in one step */
  constructor(make: (moves: readonly TokenMove[]) => Promise<void>) {
    this.#task = new SharedTask(() => make(this.#take()));
  }

  /** Resolves when the move is made. */
  async add(move: TokenMove): Promise<void> {
    this.#waiting.push(move);
    this.users += 1;
    try {
      await this.#task.ask();
    } finally {
      this.users -= 1;
    }
  }

  #take(): readonly TokenMove[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }
}
