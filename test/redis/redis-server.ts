import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import {
  type CleanupGuard,
  freePort,
  guardFolder,
  makeClusterFolder,
  newClusterFolder,
  removeRemains,
  sendSignal,
  unprivilegedUser,
  waitUntil,
} from '@node-replicated/local-cluster/programs';
import { onPath } from '../on-path.js';
import { spawnProgram } from '../spawn-program.js';

/**
 * Finds the program.
 *
 * @returns its path, or in words how to get it
 */
export function findRedis(): { readonly program: string } | string {
  const program = onPath('redis-server');
  if (program !== undefined) return { program };
  return 'redis-server is not installed: apt-get install redis-server (Debian, Ubuntu), or .ci/install-programs';
}

/** A Redis of its own, which keeps nothing on disk: whoever kills it loses all that was in it. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #program: string;
  readonly #folder: string;
  readonly #guard: CleanupGuard;
  #process: ChildProcess | undefined;

  private constructor(program: string, folder: string, port: number) {
    this.port = port;
    this.#program = program;
    this.#folder = folder;
    this.#guard = guardFolder(folder);
  }

  /**
   * Starts one on a free port, and waits until it answers.
   *
   * @param settings lines of `redis.conf`, besides those that it needs
   */
  static async start(program: string, settings: readonly string[] = []): Promise<RedisServer> {
    const folder = newClusterFolder();
    const server = new RedisServer(program, folder, await freePort());
    try {
      await makeClusterFolder(folder, unprivilegedUser());
      writeFileSync(server.#file, server.#settings(settings), { mode: 0o644 });
      await server.restart();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts it again after {@link RedisServer.kill}, on the same port and with nothing in it. */
  async restart(): Promise<void> {
    this.#process = spawnProgram(this.#folder, 'redis', this.#program, [this.#file]);
    await waitUntil(() => this.#answers(), {
      what: 'Redis to answer',
      timeoutMs: 20_000,
      evidence: async () => readFileSync(join(this.#folder, 'redis.log'), 'utf8'),
    });
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    sendSignal(child.pid, 'SIGKILL');
    await gone;
  }

  /** From now on it is silent: it takes what is sent, and answers nothing until {@link RedisServer.thaw}. */
  freeze(): void {
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#signal('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    removeRemains(this.#folder);
    await this.#guard.release();
  }

  get #file(): string {
    return join(this.#folder, 'redis.conf');
  }

  #settings(more: readonly string[]): string {
    return [
      'bind 127.0.0.1',
      `port ${this.port}`,
      `dir ${this.#folder}`,
      'save ""',
      'appendonly no',
      'daemonize no',
      // Its command line stays what it was, so that it is known to belong to the folder.
      'set-proc-title no',
      ...more,
      '',
    ].join('\n');
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('Redis is not running.');
    sendSignal(pid, signal);
  }

  #answers(): Promise<boolean> {
    if (this.#process?.exitCode !== null) throw new Error('Redis has ended.');
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write('PING\r\n'));
      const end = (answers: boolean): void => {
        socket.destroy();
        resolve(answers);
      };
      socket.on('error', () => end(false)).on('close', () => end(false));
      socket.on('data', (data) => end(data.toString().startsWith('+PONG')));
      socket.setTimeout(2_000, () => end(false));
    });
  }
}
