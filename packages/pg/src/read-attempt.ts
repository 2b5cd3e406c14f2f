import type { Decision } from '@node-replicated/core/adapter';
import type pg from 'pg';
import { finishUse, sendStatement } from './connection-use.js';
import type { PgNode } from './node.js';
import type { Release, Taker } from './pool-connection.js';
import type { Claim, ReaderChoice } from './reader-choice.js';
import type { AnyResult, StatementCall } from './statement-call.js';

/** A statement that reads, and is told what becomes of an attempt. */
export interface Reading {
  readonly readers: ReaderChoice;
  readonly decision: Decision;
  /** The statement as it has to be sent now; undefined when its time is over. */
  callNow(): StatementCall | undefined;
  /** Rows may reach the user before the attempt ends. */
  onStreaming(node: PgNode): void;
  onResult(attempt: ReadAttempt, result: AnyResult): void;
  onFailed(attempt: ReadAttempt, error: unknown): void;
  /** The node gave no connection. */
  onRefused(attempt: ReadAttempt, error: unknown): void;
  /** There was no time left to send it. */
  onLate(): void;
  /** The node is no longer what it was when it was chosen: another choice is due. */
  onUnsuited(): void;
  /** Whether another node would serve better than this one, for whose connection it waits. */
  hasBetter(node: PgNode): boolean;
}

/** One attempt to read on one node, from the wait for a connection to the answer. */
export class ReadAttempt implements Taker {
  readonly node: PgNode;
  readonly #reading: Reading;
  readonly #claim: Claim;

  constructor(reading: Reading, node: PgNode) {
    this.#reading = reading;
    this.node = node;
    this.#claim = reading.readers.claimOf(node, reading.decision);
  }

  /** Whether the node is asked as the primary. */
  get onPrimary(): boolean {
    return this.#claim === 'primary';
  }

  start(): void {
    this.node.busy += 1;
    this.node.takeReader(this, this.onPrimary ? () => this.#leave() : undefined);
  }

  onTaken(client: pg.PoolClient, release: Release): void {
    const { node } = this;
    const reading = this.#reading;
    const isSuited = reading.readers.holds(node, this.#claim, reading.decision);
    const call = isSuited ? reading.callNow() : undefined;
    if (call === undefined) {
      node.busy -= 1;
      release();
      if (isSuited) reading.onLate();
      else reading.onUnsuited();
      return;
    }
    const isStream = call.ownProtocol !== undefined;
    if (isStream) {
      reading.onStreaming(node);
      node.streaming.add(client);
    }
    sendStatement(client, call, (error, result) => {
      node.busy -= 1;
      if (isStream) node.streaming.delete(client);
      finishUse(client, release, error, node.reportDirty);
      if (error === undefined && result !== undefined) reading.onResult(this, result);
      else reading.onFailed(this, error);
    });
  }

  onRefused(error: unknown): void {
    this.node.busy -= 1;
    this.#reading.onRefused(this, error);
  }

  /** It waits for a reader of the primary. @returns whether it has gone elsewhere */
  #leave(): boolean {
    if (!this.#reading.hasBetter(this.node)) return false;
    this.node.busy -= 1;
    this.#reading.onUnsuited();
    return true;
  }
}
