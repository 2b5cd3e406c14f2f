import { Socket } from 'node:net';
import type { Observation, Position } from '@node-replicated/core/cluster';
import pg from 'pg';
import { setRef } from './connection-use.js';
import { atLsn, parseLsn } from './lsn.js';
import {
  type ObserveAnswer,
  type ProbeQuestions,
  type ProbeRights,
  questionsFor,
  type ReplayedAnswer,
  replayedQuestion,
  rightsQuestion,
  toObservation,
  toWritten,
  type WrittenAnswer,
} from './probe-question.js';

/** One connection of a prober. It is closed by destroying its socket: a frozen server would never say goodbye. */
export class ProbeLink {
  readonly #client: pg.Client;
  readonly #questions: Promise<ProbeQuestions>;
  #socket: { destroy(): unknown } | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #standbyAt: Position | undefined;
  #opened = false;
  #closed = false;

  /** @param onLost called when the connection was there and ends, unless it was closed here */
  constructor(config: pg.ClientConfig, onLost: () => void) {
    const makeStream = config.stream ?? (() => new Socket());
    this.#client = new pg.Client({
      ...config,
      password: config.password,
      stream: () => {
        const stream = makeStream();
        this.#socket = stream;
        return stream;
      },
    });
    this.#client.on('error', () => this.#socket?.destroy());
    this.#client.on('end', () => {
      if (this.#opened && !this.#closed) onLost();
      this.#closed = true;
    });
    this.#questions = this.#open();
  }

  /** What the node is. */
  async observe(): Promise<Observation> {
    const { observe, hint } = await this.#questions;
    const observation = toObservation(await this.#query<ObserveAnswer>(observe), hint);
    this.#standbyAt = observation.role === 'replica' ? observation.position : undefined;
    return observation;
  }

  /** Where the primary is, at or after every commit that has returned. A standby refuses the question. */
  async written(): Promise<Position | undefined> {
    const { written } = await this.#questions;
    return toWritten(await this.#query<WrittenAnswer>(written));
  }

  /** How far a standby has replayed, at least on the timeline on which this connection has observed it. */
  async replayed(): Promise<Position | undefined> {
    const observed = this.#standbyAt;
    if (observed === undefined) return undefined;
    const { standby, lsn } = await this.#query<ReplayedAnswer>(replayedQuestion);
    return standby && lsn !== null ? atLsn(observed, parseLsn(lsn)) : undefined;
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
  }

  async #open(): Promise<ProbeQuestions> {
    await this.#client.connect();
    this.#opened = true;
    setRef(this.#client, 'unref');
    return questionsFor(await this.#query<ProbeRights>(rightsQuestion));
  }

  /** Several may ask at a time: one question after the other is sent. */
  async #query<A extends object>(text: string): Promise<A> {
    const send = (): Promise<pg.QueryResult<A & pg.QueryResultRow>> => this.#client.query(text);
    const answered = this.#last.then(send, send);
    this.#last = answered;
    const { rows } = await answered;
    const [answer] = rows;
    if (answer === undefined) throw new Error('A probe was answered with nothing.');
    return answer;
  }
}
