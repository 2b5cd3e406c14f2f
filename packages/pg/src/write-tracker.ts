import type { Cluster, Session } from '@node-replicated/core/adapter';
import { isSeveral } from './sql-text.js';
import { beginsReadOnly } from './statement.js';
import type { StatementCall } from './statement-call.js';

/**
 * Knows which requests a lease on the writer may have written for. All that runs there counts, except inside a
 * transaction that was opened read-only; and it counts as under way until the lease is released.
 */
export class WriteTracker {
  readonly #cluster: Cluster;
  /** Each with whether a replica applies all of its writes before they return. */
  readonly #sessions = new Map<Session, boolean>();
  #readOnly = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * A statement is about to be sent to the writer. Statements are told in the order in which they are sent.
   *
   * @param applied whether a replica applies what it writes before that returns
   * @returns whether it may write
   */
  note(call: StatementCall, session: Session | undefined, applied: boolean): boolean {
    const mayWrite = this.#mayWrite(call);
    if (mayWrite && session !== undefined) this.#count(session, applied);
    return mayWrite;
  }

  /** The lease is released. */
  close(): void {
    for (const session of this.#sessions.keys()) session.endWrite(this.#cluster);
    this.#sessions.clear();
  }

  #count(session: Session, applied: boolean): void {
    const before = this.#sessions.get(session);
    if (before === applied || before === false) return;
    this.#sessions.set(session, applied);
    session.beginWrite(this.#cluster, applied);
    // It is under way once, however often it is counted.
    if (before !== undefined) session.endWrite(this.#cluster);
  }

  #mayWrite({ kind, text }: StatementCall): boolean {
    if (kind === 'begin' && beginsReadOnly(text)) {
      this.#readOnly = true;
      return false;
    }
    if (!this.#readOnly) return true;
    if (kind === 'open' && !isSeveral(text)) return false;
    this.#readOnly = false;
    return kind !== 'end' || isSeveral(text);
  }
}
