import { AsyncResource } from 'node:async_hooks';
import type pg from 'pg';
import { readFailure } from './sqlstate.js';
import type { StatementKind, StatementMemory } from './statement.js';

/** `pg`'s result of one statement, or of each statement of a text. */
export type AnyResult = pg.QueryResult | readonly pg.QueryResult[];

export type ResultCallback = (error: Error | null | undefined, result?: AnyResult) => void;

/** A statement that brings its own protocol handling, such as a cursor, a stream or a COPY. */
export interface OwnProtocol extends pg.Submittable {
  readonly text?: unknown;
  callback?: unknown;
  handleError?(error: Error, connection: unknown): void;
}

/** The arguments of a `query` call, sorted. */
export interface StatementCall {
  readonly config: unknown;
  readonly values: unknown;
  /** What the caller waits with; it runs in the caller's async context. Undefined: with a promise. */
  readonly callback: ResultCallback | undefined;
  readonly text: string;
  readonly kind: StatementKind;
  readonly ownProtocol: OwnProtocol | undefined;
}

/** Sorts the arguments of `query(text | config | submittable, values?, callback?)`. */
export function readCall(
  config: unknown,
  values: unknown,
  callback: unknown,
  memory: StatementMemory,
): StatementCall {
  const given = callback ?? (typeof values === 'function' ? values : callbackIn(config));
  const text = typeof config === 'string' ? config : textIn(config);
  const ownProtocol = isOwnProtocol(config) ? config : undefined;
  if (typeof ownProtocol?.callback === 'function') {
    ownProtocol.callback = AsyncResource.bind(ownProtocol.callback as ResultCallback);
  }
  return {
    config,
    values: typeof values === 'function' ? undefined : values,
    callback: typeof given === 'function' ? AsyncResource.bind(given as ResultCallback) : undefined,
    text,
    kind: memory.kindOf(text),
    ownProtocol,
  };
}

/** A statement of the library's own. */
export function textCall(text: string, kind: StatementKind = 'session'): StatementCall {
  return { config: text, values: undefined, callback: undefined, text, kind, ownProtocol: undefined };
}

/** A cursor or stream cannot run again elsewhere. If it turns out to write, the next one of its text knows. */
export function learnFromOwnProtocol(call: StatementCall, memory: StatementMemory): void {
  explainToOwnProtocol(call, (error) => {
    if (readFailure(error) === 'read-only') memory.learnWrite(call.text);
    return error;
  });
}

/** Changes what a cursor, a stream or a COPY is told of its failure. */
export function explainToOwnProtocol({ ownProtocol }: StatementCall, explain: (error: Error) => Error): void {
  const handleError = ownProtocol?.handleError;
  if (ownProtocol === undefined || handleError === undefined) return;
  ownProtocol.handleError = (error, connection) => {
    handleError.call(ownProtocol, explain(error), connection);
  };
}

function isOwnProtocol(config: unknown): config is OwnProtocol {
  return (
    typeof config === 'object' && config !== null && 'submit' in config && typeof config.submit === 'function'
  );
}

function callbackIn(config: unknown): unknown {
  if (isOwnProtocol(config)) return undefined;
  return typeof config === 'object' && config !== null && 'callback' in config ? config.callback : undefined;
}

function textIn(config: unknown): string {
  if (typeof config !== 'object' || config === null) return '';
  if ('text' in config && typeof config.text === 'string') return config.text;
  return 'name' in config && typeof config.name === 'string' ? `-- ${config.name}` : '';
}
