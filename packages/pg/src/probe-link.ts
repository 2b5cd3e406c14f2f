import { Socket } from 'node:net';
import pg from 'pg';
import { setRef } from './connection-use.js';
import { type ProbeQuestions, type ProbeRights, questionsFor, rightsQuestion } from './probe-question.js';

/** One connection of a prober. It is closed by destroying its socket: a frozen server would never say goodbye. */
export class ProbeLink {
  readonly #client: pg.Client;
  readonly #questions: Promise<ProbeQuestions>;
  #socket: { destroy(): unknown } | undefined;
  #lastAsked: Promise<unknown> = Promise.resolve();
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

  /** Asks a question that this session may ask. */
  async ask<A extends pg.QueryResultRow>(question: 'observe' | 'written'): Promise<A> {
    return this.#query<A>((await this.#questions)[question]);
  }

  /** What to grant, so that more can be seen. */
  async hint(): Promise<string | undefined> {
    return (await this.#questions).hint;
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

  /** One question at a time: `pg` is about to give up its own queue. */
  async #query<A extends pg.QueryResultRow>(text: string): Promise<A> {
    const asked = this.#lastAsked.then(() => this.#client.query<A>(text));
    this.#lastAsked = asked.catch(() => undefined);
    const [answer] = (await asked).rows;
    if (answer === undefined) throw new Error('A probe was answered with nothing.');
    return answer;
  }
}
