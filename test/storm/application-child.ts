import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { PoolStatus } from '@node-replicated/pg';
import { eventually, within } from '../integration/stage.js';
import type { ApplicationSettings } from './application.js';
import type { ProcessMessage, Question } from './application-process.js';
import type { MemorySample } from './memory-growth.js';

const endLimitMs = 20_000;
const answerLimitMs = 60_000;

/** Who waits for an answer. */
interface Asking {
  readonly resolve: (message: ProcessMessage) => void;
  readonly reject: (error: Error) => void;
}

/** An application that runs in a process of its own. */
export class ApplicationChild implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Asking>();
  readonly #errors: string[] = [];
  #asked = 0;
  #url = '';

  private constructor(child: ChildProcess, name: string) {
    this.name = name;
    this.#child = child;
    child.stderr?.on('data', (chunk) => this.#errors.push(String(chunk)));
    child.on('message', (message: ProcessMessage) => {
      if ('url' in message) this.#url = message.url;
      else this.#waiting.get(message.id)?.resolve(message);
    });
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(this.#gone());
    });
  }

  /**
   * Starts it, and resolves when it listens.
   *
   * @param program the compiled `application-process.ts`
   */
  static async start(program: URL, settings: ApplicationSettings): Promise<ApplicationChild> {
    const child = fork(program, [JSON.stringify(settings)], {
      execArgv: ['--expose-gc'],
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const started = new ApplicationChild(child, settings.framework);
    try {
      await eventually('it listens', () => started.#url !== '' || !started.#isThere);
      started.#requireThere();
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return this.#url;
  }

  /** What it has complained of. */
  get errors(): string {
    return this.#errors.join('');
  }

  async status(): Promise<PoolStatus> {
    const message = await this.#ask('status');
    if ('status' in message) return message.status;
    throw new Error(`The application on ${this.name} has not told its status.`);
  }

  /** How much memory it uses without garbage. */
  async memory(): Promise<MemorySample> {
    const message = await this.#ask('memory');
    if ('heapBytes' in message) return { at: performance.now(), heapBytes: message.heapBytes };
    throw new Error(`The application on ${this.name} has not told its memory.`);
  }

  /** Has it close everything. @returns whether it has then ended by itself, in good order and time */
  async end(): Promise<boolean> {
    const closed = this.#ask('end').catch(() => undefined);
    await eventually(`the process of ${this.name} ends`, () => !this.#isThere, endLimitMs).catch(
      () => undefined,
    );
    if (this.#isThere) return false;
    await closed;
    return this.#child.exitCode === 0;
  }

  /** Kills it if it is still there. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isThere) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  get #isThere(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async #ask(about: Question['about']): Promise<ProcessMessage> {
    this.#requireThere();
    this.#asked += 1;
    const id = this.#asked;
    try {
      const answered = new Promise<ProcessMessage>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        this.#child.send({ id, about } satisfies Question);
      });
      return await within(answerLimitMs, `the answer of ${this.name} about its ${about}`, answered);
    } finally {
      this.#waiting.delete(id);
    }
  }

  #requireThere(): void {
    if (!this.#isThere) throw this.#gone();
  }

  #gone(): Error {
    return new Error(`The application on ${this.name} has ended: ${this.errors}`);
  }
}
