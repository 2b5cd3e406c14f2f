import { type ChildProcess, fork, type Serializable } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * A program of this folder in a process of its own, which answers each message with one. It says something when it is
 * ready; what it answers instead of an answer, `{ error }`, is thrown here.
 */
export class ChildProgram implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * Starts it.
   *
   * @returns it, and what it says when it is ready
   */
  static async start<Ready>(name: string, args: readonly string[]): Promise<[ChildProgram, Ready]> {
    const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
    const env = { ...process.env, NODE_ENV: 'production' };
    const program = new ChildProgram(fork(file, args, { env }));
    try {
      return [program, await program.#next<Ready>()];
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  async ask<Answer>(question: Serializable): Promise<Answer> {
    const answer = this.#next<Answer>();
    this.#child.send(question);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
  }

  #next<Answer>(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: unknown): void => {
        this.#child.off('exit', onExit);
        const failed = typeof message === 'object' && message !== null && 'error' in message;
        if (failed) reject(new Error(String(message.error)));
        else resolve(message as Answer);
      };
      const onExit = (): void => {
        this.#child.off('message', onMessage);
        reject(new Error('A process of the benchmark has ended.'));
      };
      this.#child.once('message', onMessage);
      this.#child.once('exit', onExit);
    });
  }
}
