import { ChildProgram } from './child-program.js';
import type { AppOrder } from './http-apps.js';

/** A child process that serves one application and nothing else, so that its CPU time is the application's. */
export class HttpProcess implements AsyncDisposable {
  readonly port: number;
  readonly #program: ChildProgram;

  private constructor(program: ChildProgram, port: number) {
    this.#program = program;
    this.port = port;
  }

  /** Starts it, and resolves when it listens. */
  static async start(order: AppOrder): Promise<HttpProcess> {
    const [program, port] = await ChildProgram.start<number>('http-child', [JSON.stringify(order)]);
    return new HttpProcess(program, port);
  }

  /** The CPU time of the child so far, in µs. */
  cpuUs(): Promise<number> {
    return this.#program.ask('cpu');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]();
  }
}
