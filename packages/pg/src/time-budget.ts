import type pg from 'pg';
import type { StatementCall } from './statement-call.js';

/** What is left of the time that the caller gives a statement, over all the nodes on which it is tried. */
export class TimeBudget {
  readonly #call: StatementCall;
  readonly #limit: number;
  #began: number | undefined;

  /** @param limit ms, from the first time that the statement is sent */
  constructor(call: StatementCall, limit: number) {
    this.#call = call;
    this.#limit = limit;
  }

  /**
   * The statement as it has to be sent now: again, with what is left of its time.
   *
   * @param now ms of a clock that never jumps
   * @returns undefined when its time is over
   */
  next(now: number): StatementCall | undefined {
    if (this.#began === undefined) {
      this.#began = now;
      return this.#call;
    }
    const left = Math.floor(this.#limit - (now - this.#began));
    return left > 0 ? { ...this.#call, config: withTimeout(this.#call.config, left) } : undefined;
  }
}

/**
 * The budget of a statement whose caller, or whose pool, sets a `query_timeout` or a `statement_timeout`.
 *
 * @param pool the pool's settings
 */
export function budgetOf(call: StatementCall, pool: pg.ClientConfig): TimeBudget | undefined {
  const { config } = call;
  const own =
    typeof config === 'object' && config !== null && 'query_timeout' in config && config.query_timeout;
  const answer = durationOf(own || pool.query_timeout);
  const limit = Math.min(answer, durationOf(pool.statement_timeout));
  return limit === Number.POSITIVE_INFINITY ? undefined : new TimeBudget(call, limit);
}

/** As in `pg`, 0 and false are no limit. */
function durationOf(ms: unknown): number {
  return Number(ms) > 0 ? Number(ms) : Number.POSITIVE_INFINITY;
}

/** A user's statement may be an object of a class: what is changed stands before it, not in it. */
function withTimeout(config: unknown, ms: number): unknown {
  const base = typeof config === 'object' ? config : { text: config };
  return Object.create(base, { query_timeout: { value: ms, enumerable: true } });
}
