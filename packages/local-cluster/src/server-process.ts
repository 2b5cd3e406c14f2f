import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LocalClusterError } from './errors.js';
import { childrenOf, listProcesses, type ProcessInfo, sendSignal } from './processes.js';
import { type RunAs, serverEnvironment, spawnIdentity } from './run-as.js';
import { removeSharedMemory } from './shared-memory.js';
import { waitUntil } from './wait-until.js';

/**
 * How a server is told to stop.
 * - `smart`: it waits for its clients to leave
 * - `fast`: it sends its clients away and writes a last checkpoint
 * - `immediate`: it leaves at once, and recovers at its next start
 */
export type ShutdownMode = 'smart' | 'fast' | 'immediate';

export interface ServerSetup {
  readonly name: string;
  readonly binDir: string;
  readonly dataFolder: string;
  readonly runAs: RunAs | undefined;
  /** Ends every wait; it does not stop the server. */
  readonly signal: AbortSignal;
  readonly onExit: () => void;
}

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 30_000;
const SIGNAL_LIMIT_MS = 10_000;
const LOG_TAIL_LINES = 25;
const STOP_SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** One postmaster with its children: start, stop, freeze, kill. It knows nothing of replication. */
export class ServerProcess {
  readonly #setup: ServerSetup;
  readonly #logFile: string;
  #postmaster: ChildProcess | undefined;
  #frozen = false;

  constructor(setup: ServerSetup) {
    this.#setup = setup;
    this.#logFile = `${setup.dataFolder}.log`;
  }

  get pid(): number | undefined {
    return this.#postmaster?.pid;
  }

  get running(): boolean {
    return this.#postmaster !== undefined;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /**
   * Starts the server and waits until it accepts connections.
   *
   * @throws LocalClusterError `ERR_CLUSTER_START` with the end of the log
   */
  async start(args: readonly string[]): Promise<void> {
    this.#setup.signal.throwIfAborted();
    if (this.running) throw this.#error('ERR_CLUSTER_STATE', 'is running already');
    this.#spawn(args);
    await this.#wait('to accept connections', START_LIMIT_MS, async () => {
      if (!this.running) throw this.#error('ERR_CLUSTER_START', 'did not start', await this.logTail());
      return this.#isReady();
    });
  }

  async stop(mode: ShutdownMode): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    this.thaw();
    sendSignal(pid, STOP_SIGNALS[mode]);
    await this.#wait(`to stop (${mode})`, STOP_LIMIT_MS, () => this.pid !== pid);
  }

  /** `kill -9` of the postmaster and its children. It works on a frozen server too. */
  async kill(): Promise<void> {
    if (this.pid === undefined) return;
    const family = await this.#suspend();
    for (const pid of family.toReversed()) sendSignal(pid, 'SIGKILL');
    // Not to be given up: whoever stops the cluster needs the end of this.
    await waitUntil(() => !this.running && !listProcesses().some(({ pid }) => family.includes(pid)), {
      what: `${this.#setup.name} to be gone`,
      timeoutMs: SIGNAL_LIMIT_MS,
    });
    const { dataFolder } = this.#setup;
    removeSharedMemory(dataFolder);
    // The number in it will one day be another process's, and then the server would refuse to start.
    await rm(join(dataFolder, 'postmaster.pid'), { force: true });
  }

  async freeze(): Promise<void> {
    if (this.pid === undefined) throw this.#error('ERR_CLUSTER_STATE', 'is not running');
    this.#frozen = true;
    await this.#suspend();
  }

  thaw(): void {
    if (!this.#frozen || this.pid === undefined) return;
    this.#frozen = false;
    for (const { pid } of childrenOf(this.pid, listProcesses())) sendSignal(pid, 'SIGCONT');
    sendSignal(this.pid, 'SIGCONT');
  }

  /** The server's messages, all of them. */
  async log(): Promise<string> {
    return readFile(this.#logFile, 'utf8').catch(() => '');
  }

  async logTail(): Promise<string> {
    const lines = (await this.log()).trimEnd().split('\n').slice(-LOG_TAIL_LINES);
    return `The log of ${this.#setup.name} ends with:\n${lines.join('\n')}`;
  }

  #spawn(args: readonly string[]): void {
    const { binDir, dataFolder, runAs, onExit } = this.#setup;
    const log = openSync(this.#logFile, 'a', 0o600);
    const postmaster = spawn(join(binDir, 'postgres'), ['-D', dataFolder, ...args], {
      cwd: dirname(dataFolder),
      detached: true, // a Ctrl-C in the terminal is not meant for it
      env: serverEnvironment(process.env),
      stdio: ['ignore', log, log],
      ...spawnIdentity(runAs),
    });
    closeSync(log);
    const gone = (): void => {
      if (this.#postmaster !== postmaster) return;
      this.#postmaster = undefined;
      this.#frozen = false;
      onExit();
    };
    postmaster.once('exit', gone).once('error', gone);
    this.#postmaster = postmaster;
  }

  /** Stops the postmaster first: from then on it has no new children, and the list is complete. */
  async #suspend(): Promise<number[]> {
    const { pid } = this;
    if (pid === undefined) return [];
    sendSignal(pid, 'SIGSTOP');
    let all: ProcessInfo[] = [];
    await waitUntil(
      () => {
        all = listProcesses();
        const state = all.find((one) => one.pid === pid)?.state;
        return state === undefined || state === 'T';
      },
      { what: `${this.#setup.name} to be suspended`, timeoutMs: SIGNAL_LIMIT_MS, everyMs: 1 },
    );
    const children = childrenOf(pid, all).map((child) => child.pid);
    for (const child of children) sendSignal(child, 'SIGSTOP');
    return [pid, ...children];
  }

  /** The postmaster writes its number and its state in the first and the eighth line of this file. */
  async #isReady(): Promise<boolean> {
    const lines = await readFile(join(this.#setup.dataFolder, 'postmaster.pid'), 'utf8').then(
      (content) => content.split('\n'),
      () => [],
    );
    return Number(lines[0]) === this.pid && lines[7]?.trim() === 'ready';
  }

  #wait(what: string, timeoutMs: number, check: () => boolean | Promise<boolean>): Promise<void> {
    const { name, signal } = this.#setup;
    return waitUntil(check, { what: `${name} ${what}`, timeoutMs, signal, evidence: () => this.logTail() });
  }

  #error(code: 'ERR_CLUSTER_STATE' | 'ERR_CLUSTER_START', what: string, more = ''): LocalClusterError {
    return new LocalClusterError(code, `${this.#setup.name} ${what}.${more && `\n${more}`}`);
  }
}
