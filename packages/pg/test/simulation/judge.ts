import type { ReplicationEvents } from '@node-replicated/core';

/** The promises that a schedule may break (ARCHITECTURE.md, docs/consistency.md). */
export type Promised =
  | 'a client sees what it wrote, and with monotonic reads what it has seen'
  | 'a response to a write pins its client'
  | 'a pin never moves back'
  | "an answer to a read takes no write's pin away"
  | 'a pin holds for its time, and no longer'
  | 'a token is at most 200 bytes long'
  | 'a cookie that nobody signed changes nothing'
  | 'a write goes to the proven primary of the newest timeline alone'
  | 'nothing is written to a primary that the pin of its client has left behind'
  | 'a write is carried out once at most'
  | 'an error that is no doubt means that nothing was written'
  | 'a lower timeline is never returned to'
  | 'a split brain has no primary'
  | 'a node changes its state by legal moves alone'
  | 'a read does not fail while a node that may serve it is known to be up'
  | 'every request ends'
  | 'once all is well, replicas serve again';

/** A promise that was broken, and how. */
export interface Violation {
  readonly promised: Promised;
  readonly how: string;
}

/**
 * Collects what a schedule broke, and tells its story where somebody wants to hear it.
 *
 * What a client may not miss are the writes that its pins stand for, as far as the history that counts has them: that
 * of the primary that was promoted last. A promotion with what only the former primary had takes writes away, and
 * what was written elsewhere after it was never there.
 *
 * A read that misses one of them is excused where nobody can tell:
 * - A server has answered whose history was begun without a promotion, as one is that somebody starts as a second
 *   primary by hand. It has the number of another history, so neither the server, nor a process that sees only this
 *   one, nor any pin can tell the two apart.
 * - A server of a former history has answered which has not got the write at all, and of the later promotion that
 *   counts neither the process has heard nor the client's pin: the write was lost to the former history, or was late,
 *   made on the newer one after its client's pin had left.
 *
 * Everything else can be told: a server says its timeline, and so does each pin, even that of a write whose position
 * could not be had.
 */
export class Judge {
  readonly violations: Violation[] = [];
  readonly #tell: ((line: string) => void) | undefined;
  readonly #now: () => number;

  /** @param tell hears the story, line by line */
  constructor(now: () => number, tell?: (line: string) => void) {
    this.#now = now;
    this.#tell = tell;
  }

  /** @param line made only where somebody listens */
  note(line: () => string): void {
    this.#tell?.(`${this.#now().toFixed(1).padStart(8)}  ${line()}`);
  }

  report(promised: Promised, how: string): void {
    this.violations.push({ promised, how });
    this.note(() => `BROKEN: ${promised}: ${how}`);
  }

  /** Judges a node's change of state: the legal moves are stated here once more. */
  nodeChanged({ node, from, to }: ReplicationEvents['node-changed']): void {
    if (from !== to && legalMoves[from]?.includes(to) !== true) {
      this.report('a node changes its state by legal moves alone', `${node} from ${from} to ${to}`);
    }
  }
}

const legalMoves: Readonly<Record<string, readonly string[]>> = {
  connecting: ['up', 'lagging', 'down'],
  up: ['lagging', 'down'],
  lagging: ['up', 'down'],
  down: ['connecting'],
};
