import { basename, join } from 'node:path';
import { type AdminSession, type QueryAnswer, withSession } from './admin-session.js';
import { LocalClusterError } from './errors.js';
import { follow } from './follow.js';
import { claimPort, type PortClaim } from './free-port.js';
import type { LocalNode } from './local-node.js';
import { pauseReplay, promote, resumeReplay, setLag } from './replica-control.js';
import type { RunAs } from './run-as.js';
import { ServerProcess, type ShutdownMode } from './server-process.js';
import { primaryConninfo } from './settings.js';
import { type CutMode, TcpProxy } from './tcp-proxy.js';
import { waitUntil } from './wait-until.js';

export interface NodeSetup {
  readonly name: string;
  readonly clusterFolder: string;
  readonly binDir: string;
  readonly runAs: RunAs | undefined;
  /** Aborted when the cluster stops: every wait, session and copy of this node ends. */
  readonly signal: AbortSignal;
}

const CHANGE_LIMIT_MS = 15_000;

/** A node: one server process, one proxy in front of it, and the node it follows. */
export class ServerNode implements LocalNode {
  readonly name: string;
  readonly host = '127.0.0.1';
  readonly dataFolder: string;
  readonly runAs: RunAs | undefined;
  readonly signal: AbortSignal;
  readonly #title: string;
  readonly #server: ServerProcess;
  readonly #proxy: TcpProxy;
  #claim: PortClaim | undefined;
  #upstream: ServerNode | undefined;

  constructor({ name, clusterFolder, binDir, runAs, signal }: NodeSetup) {
    this.name = name;
    this.dataFolder = join(clusterFolder, name);
    this.runAs = runAs;
    this.signal = signal;
    this.#title = `${basename(clusterFolder)}/${name}`;
    this.#proxy = new TcpProxy(() => this.serverPort);
    const { dataFolder } = this;
    this.#server = new ServerProcess({
      name,
      binDir,
      dataFolder,
      runAs,
      signal,
      onExit: () => this.#proxy.close(),
    });
  }

  get port(): number {
    return this.#proxy.port;
  }

  get serverPort(): number {
    return this.#claim?.port ?? 0;
  }

  get url(): string {
    return `postgresql://postgres@${this.host}:${this.port}/postgres`;
  }

  get directUrl(): string {
    return `postgresql://postgres@${this.host}:${this.serverPort}/postgres`;
  }

  get running(): boolean {
    return this.#server.running;
  }

  get pid(): number | undefined {
    return this.#server.pid;
  }

  /** Whether the server can be asked something now. */
  get responsive(): boolean {
    return this.#server.running && !this.#server.frozen;
  }

  /** The node it was last told to stream from; none for a primary. */
  get upstream(): ServerNode | undefined {
    return this.#upstream;
  }

  /** Says whom the node follows from its next start on. */
  streamFrom(upstream: ServerNode | undefined): void {
    this.#upstream = upstream;
  }

  /** Takes a port for the server, in place of the one it had. */
  async takePort(): Promise<void> {
    this.#claim?.release();
    this.#claim = await claimPort();
  }

  /** Starts the server and opens the way to it. */
  async start(): Promise<void> {
    const upstream = this.#upstream;
    await this.#server.start([
      ...['-p', `${this.serverPort}`, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      // Shown in the titles of the server's processes, where the clean-up looks for it.
      ...['-c', `cluster_name=${this.#title}`],
      ...(upstream ? ['-c', `primary_conninfo=${primaryConninfo(upstream.serverPort, this.name)}`] : []),
    ]);
    await this.#proxy.open();
  }

  /** Kills the server and breaks every connection, for good. */
  async destroy(): Promise<void> {
    this.#proxy.destroy();
    await this.#server.kill();
    this.#claim?.release();
  }

  /** Runs queries in one session; refused at once when there would be no answer. */
  async session<Result>(use: (session: AdminSession) => Promise<Result>): Promise<Result> {
    if (this.responsive) return withSession(this.serverPort, this.signal, use);
    const state = this.running ? 'frozen' : 'not running';
    throw new LocalClusterError('ERR_CLUSTER_STATE', `${this.name} is ${state}.`);
  }

  async wait(
    what: string,
    check: () => Promise<boolean>,
    timeoutMs: number = CHANGE_LIMIT_MS,
  ): Promise<void> {
    await waitUntil(check, {
      ...{ what: `${this.name} ${what}`, timeoutMs, everyMs: 20, signal: this.signal },
      evidence: () => this.#server.logTail(),
    });
  }

  /** Whether a port it was given has turned out to be somebody else's. */
  async portWasTaken(): Promise<boolean> {
    return (await this.log()).includes('Address already in use');
  }

  log(): Promise<string> {
    return this.#server.log();
  }

  setLag(milliseconds: number): Promise<void> {
    return setLag(this, milliseconds);
  }

  pauseReplay(): Promise<void> {
    return pauseReplay(this);
  }

  resumeReplay(): Promise<void> {
    return resumeReplay(this);
  }

  freeze(): Promise<void> {
    return this.#server.freeze();
  }

  async thaw(): Promise<void> {
    this.#server.thaw();
  }

  kill(): Promise<void> {
    return this.#server.kill();
  }

  shutdown(mode: ShutdownMode = 'fast'): Promise<void> {
    return this.#server.stop(mode);
  }

  async restart(): Promise<void> {
    await this.#server.stop('fast');
    await this.start();
  }

  promote(): Promise<void> {
    return promote(this);
  }

  async follow(node: LocalNode): Promise<void> {
    if (node instanceof ServerNode) return follow(this, node);
    throw new LocalClusterError('ERR_CLUSTER_OPTIONS', 'follow() takes a node of the same cluster.');
  }

  async cut(mode: CutMode = 'refuse'): Promise<void> {
    this.#proxy.cut(mode);
    if (this.running) await this.#proxy.open();
  }

  async heal(): Promise<void> {
    this.#proxy.heal();
    if (this.running) await this.#proxy.open();
  }

  query<Row = Record<string, unknown>>(sql: string, values?: readonly unknown[]): Promise<QueryAnswer<Row>> {
    return this.session((session) => session.query<Row>(sql, values));
  }
}
