import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const dist: string = fileURLToPath(new URL('../dist/', import.meta.url));

/** A program that starts a cluster, prints `ready FOLDER` and then does what the test is about. */
export function childProgram(then: string): string[] {
  const program = `
    import { dirname } from 'node:path';
    import { startCluster } from ${JSON.stringify(`${dist}index.js`)};
    const cluster = await startCluster({ replicas: 1 });
    const { rows } = await cluster.primary.query('SHOW data_directory');
    console.log('ready ' + dirname(rows[0].data_directory));
    ${then}`;
  return ['--input-type=module', '--eval', program];
}

/** Another Node process, watched by a test. */
export class Child {
  readonly process: ChildProcess;
  readonly lines: string[] = [];
  errors = '';
  readonly #end: Promise<unknown[]>;
  #hasEnded = false;

  constructor(args: readonly string[]) {
    this.process = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#end = once(this.process, 'close');
    this.process.once('close', () => {
      this.#hasEnded = true;
    });
    if (this.process.stdout) createInterface(this.process.stdout).on('line', (line) => this.lines.push(line));
    this.process.stderr?.on('data', (chunk) => {
      this.errors += String(chunk);
    });
  }

  /** The rest of the first line that starts with a word. */
  async says(word: string): Promise<string> {
    for (;;) {
      const line = this.lines.find((one) => one.startsWith(word));
      if (line !== undefined) return line.slice(word.length);
      if (this.#hasEnded) throw new Error(`ended without saying ${word}: ${this.errors}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Its exit code, or the signal that ended it. */
  async ended(): Promise<unknown> {
    const [code, signal] = await this.#end;
    return signal ?? code;
  }
}
