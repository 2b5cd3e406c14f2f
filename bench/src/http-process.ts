import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Framework, Front } from './http-apps.js';

/** What the child says: where it listens, once; and its CPU time so far, in µs, each time it is asked. */
export type ChildMessage = { readonly port: number } | { readonly cpuUs: number };

/** A child process that serves one application and nothing else, so that its CPU time is the application's. */
export class HttpProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  #port = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts it, and resolves when it listens. */
  static async start(framework: Framework, front: Front): Promise<HttpProcess> {
    const program = fileURLToPath(new URL('./http-child.js', import.meta.url));
    const env = { ...process.env, NODE_ENV: 'production' };
    const started = new HttpProcess(fork(program, [framework, front], { env }));
    try {
      const message = await started.#next();
      if ('port' in message) started.#port = message.port;
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  get port(): number {
    return this.#port;
  }

  /** The CPU time of the child so far, in µs. */
  async cpuUs(): Promise<number> {
    const answer = this.#next();
    this.#child.send('cpu');
    const message = await answer;
    if ('cpuUs' in message) return message.cpuUs;
    throw new Error('The HTTP server answered something else than its CPU time.');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
  }

  #next(): Promise<ChildMessage> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: unknown): void => {
        this.#child.off('exit', onExit);
        resolve(message as ChildMessage);
      };
      const onExit = (): void => {
        this.#child.off('message', onMessage);
        reject(new Error('The process of an HTTP server has ended.'));
      };
      this.#child.once('message', onMessage);
      this.#child.once('exit', onExit);
    });
  }
}
