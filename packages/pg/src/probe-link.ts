import { Socket } from 'node:net';
import type { Observation, Position } from '@node-replicated/core/cluster';
import type pg from 'pg';
import { setRef } from './connection-use.js';
import { atLsn, parseLsn } from './lsn.js';
import { ownTypes } from './own-types.js';
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
  #questions: Promise<ProbeQuestions>;
  #socket: { destroy(): unknown } | undefined;
  /** Ends when the connection has nothing to do: `pg` takes one question at a time. */
  #idle: Promise<unknown> = Promise.resolve();
  #standbyAt: Position | undefined;
  #opened = false;
  #closed = false;
  #newestTimeline = 0;

  /**
   * @param onLost called when the connection was there and ends, unless it was closed here
   * @param Client makes the connection
   */
  constructor(config: pg.ClientConfig, onLost: () => void, Client: typeof pg.Client) {
    const makeStream = config.stream ?? (() => new Socket());
    this.#client = new Client({
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
    await this.#reviewRights();
    const { observe, hint } = await this.#questions;
    const answer = await this.#query<ObserveAnswer>(observe);
    const observation = toObservation({ ...answer, timeline: this.#newest(answer.timeline) }, hint);
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
    return this.#learnRights();
  }

  /** Something may have been granted since it was last looked. */
  async #reviewRights(): Promise<void> {
    if ((await this.#questions).hint !== undefined) this.#questions = this.#learnRights();
  }

  /**
   * The newest timeline that this connection has shown. A standby that loses its upstream forgets which timeline it
   * received from there, although it has it; only a restart, which ends all connections, can take it back.
   */
  #newest(timeline: string | null): string | null {
    if (timeline === null) return null;
    this.#newestTimeline = Math.max(this.#newestTimeline, Number(timeline));
    return String(this.#newestTimeline);
  }

  async #learnRights(): Promise<ProbeQuestions> {
    return questionsFor(await this.#query<ProbeRights>(rightsQuestion));
  }

  async #query<A extends object>(text: string): Promise<A> {
    const asked = this.#idle.then(() => this.#client.query<A & pg.QueryResultRow>({ text, types: ownTypes }));
    this.#idle = asked.catch(() => undefined);
    const { rows } = await asked;
    const [answer] = rows;
    if (answer === undefined) throw new Error('A probe was answered with nothing.');
    return answer;
  }
}
