import { AsyncLocalStorage } from 'node:async_hooks';
import type { NodeUse, Reason, Role } from '@node-replicated/core';

/** One statement of a request, as two witnesses tell it: the library, and the server that ran it. */
export interface TracedStatement {
  readonly sql: string;
  /** Which node served it, in which role and why: the library's word, undefined where it says nothing. */
  readonly node: string | undefined;
  readonly role: Role | undefined;
  readonly reason: Reason | undefined;
  /** The server's own word: the port on which it listens, and whether it is a standby. */
  readonly port: number;
  readonly standby: boolean;
}

/** What a server says of itself along with its answer to a statement. */
export interface Testimony {
  readonly port: number;
  readonly standby: boolean;
  /** The name of the node that listens on that port. */
  readonly name: string;
}

/** The statements of one request, in their order. */
export class StatementTrace {
  readonly #uses: () => readonly NodeUse[];
  readonly #statements: TracedStatement[] = [];

  /** @param uses gives `request.replication.nodes` */
  constructor(uses: () => readonly NodeUse[]) {
    this.#uses = uses;
  }

  get statements(): readonly TracedStatement[] {
    return this.#statements;
  }

  /**
   * Says that a statement begins.
   *
   * `replication.nodes` names each combination of node, role and reason once. A statement that adds one is
   * told by it; one that adds none repeats the latest of the node that answered.
   *
   * @returns to be called with the server's testimony when the statement has been answered
   */
  begin(sql: string): (testimony: Testimony) => void {
    const before = this.#uses().length;
    return ({ port, standby, name }) => {
      const uses = this.#uses();
      const use = uses.length > before ? uses.at(-1) : uses.findLast(({ node }) => node === name);
      const { node, role, reason } = use ?? {};
      this.#statements.push({ sql, node, role, reason, port, standby });
    };
  }
}

const storage = new AsyncLocalStorage<StatementTrace>();

/** The trace of the request under way; undefined at start-up. */
export function currentTrace(): StatementTrace | undefined {
  return storage.getStore();
}

/** Runs a request's handler with a trace. */
export function withTrace<T>(trace: StatementTrace, fn: () => T): T {
  return storage.run(trace, fn);
}
