import { connect, createServer, type Server, type Socket } from 'node:net';
import { LocalClusterError } from './errors.js';
import { claimPort, type PortClaim } from './free-port.js';

/**
 * How a connection is broken.
 * - `refuse`: live connections are closed, new ones are refused
 * - `reset`: live connections are reset, new ones are accepted and reset at once
 * - `blackhole`: live and new connections stay open, and nothing comes through either way
 */
export type CutMode = 'refuse' | 'blackhole' | 'reset';

interface Link {
  readonly client: Socket;
  server?: Socket;
}

/** A TCP proxy in front of one server, whose port stays the same for its whole life. */
export class TcpProxy {
  readonly #serverPort: () => number;
  readonly #links = new Set<Link>();
  #listener: Server | undefined;
  #opening: Promise<void> | undefined;
  #wanted = false;
  #destroyed = false;
  #claim: PortClaim | undefined;
  #cut: CutMode | undefined;

  constructor(serverPort: () => number) {
    this.#serverPort = serverPort;
  }

  get port(): number {
    return this.#claim?.port ?? 0;
  }

  /** Listens, unless it is cut in a mode that refuses or it listens already. */
  async open(): Promise<void> {
    if (this.#destroyed || this.#cut === 'refuse') return;
    this.#wanted = true;
    if (this.#listener) return;
    this.#opening ??= this.#openOnce().finally(() => {
      this.#opening = undefined;
    });
    await this.#opening;
  }

  /** Refuses new connections. Live ones are left to end by themselves. */
  close(): void {
    this.#wanted = false;
    this.#listener?.close();
    this.#listener = undefined;
  }

  cut(mode: CutMode): void {
    this.#cut = mode;
    if (mode === 'refuse') this.close();
    for (const link of this.#links) {
      if (mode === 'blackhole') hold(link);
      else if (mode === 'reset') reset(link);
      else destroy(link);
    }
  }

  /** Forgets the cut: what a black hole has held back now flows. Listening is left to `open()`. */
  heal(): void {
    if (this.#cut === undefined) return;
    this.#cut = undefined;
    for (const link of this.#links) {
      if (link.client.destroyed) continue; // broken by an earlier cut, and about to be forgotten
      if (link.server) join(link.client, link.server);
      else this.#connect(link);
    }
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.close();
    for (const link of this.#links) destroy(link);
    this.#claim?.release();
  }

  async #openOnce(): Promise<void> {
    this.#claim ??= await this.#claimed();
    if (!this.#claim) return;
    const { port } = this.#claim;
    try {
      await this.#listen(port);
    } catch (error) {
      const message = `The proxy cannot listen on port ${port} of 127.0.0.1.`;
      throw new LocalClusterError('ERR_CLUSTER_STATE', message, { cause: error });
    }
  }

  async #claimed(): Promise<PortClaim | undefined> {
    const claim = await claimPort();
    if (!this.#destroyed) return claim;
    claim.release();
    return undefined;
  }

  #listen(port: number): Promise<void> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    listener.on('connection', (client) => this.#accept(client));
    return new Promise((resolve, reject) => {
      listener.on('error', reject);
      listener.listen({ port, host: '127.0.0.1' }, () => {
        if (this.#wanted) this.#listener = listener;
        else listener.close(); // it was closed while it was being opened
        resolve();
      });
    });
  }

  #accept(client: Socket): void {
    const link: Link = { client };
    this.#links.add(link);
    client.on('error', () => destroy(link));
    client.on('close', () => {
      this.#links.delete(link);
      link.server?.destroy();
    });
    if (this.#cut === 'reset') reset(link);
    else if (this.#cut === undefined) this.#connect(link);
  }

  #connect(link: Link): void {
    const { client } = link;
    const server = connect({
      host: '127.0.0.1',
      port: this.#serverPort(),
      allowHalfOpen: true,
      noDelay: true,
    });
    link.server = server;
    server.on('error', () => client.resetAndDestroy());
    server.on('close', () => client.destroySoon());
    join(client, server);
  }
}

function join(client: Socket, server: Socket): void {
  client.pipe(server);
  server.pipe(client);
}

function hold({ client, server }: Link): void {
  for (const socket of [client, server]) socket?.unpipe().pause();
}

function reset({ client, server }: Link): void {
  client.resetAndDestroy();
  server?.destroy();
}

function destroy({ client, server }: Link): void {
  client.destroy();
  server?.destroy();
}
