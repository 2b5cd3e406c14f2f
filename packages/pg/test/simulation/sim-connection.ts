import { EventEmitter } from 'node:events';
import pg from 'pg';
import { type Answer, answerTo, type Question, questionOf } from './sim-protocol.js';
import type { SimServer } from './sim-server.js';
import type { VirtualTime } from './virtual-time.js';

/** What lies between a web process and the servers. */
export interface Network {
  readonly time: VirtualTime;
  server(name: string): SimServer;
  /** ms that a message takes now. */
  latency(): number;
  /** Calls back once nothing is cut between the process and a server: at once, or when it is mended. */
  whenWhole(server: SimServer, fn: () => void): void;
  /** A question is handed to the network. */
  onSent(server: SimServer, question: Question, connection: SimConnection): void;
  /** A question is answered. */
  onAnswered(server: SimServer, question: Question, answer: Answer): void;
  /** A write is carried out; called back when its commit returns. */
  write(server: SimServer, id: number, done: () => void): void;
}

/**
 * Stands in for the connection that `pg.Client` talks over: everything from there up to the application is the
 * code that runs in production.
 */
export class SimConnection extends EventEmitter {
  /** `pg` looks at these. */
  readonly parsedStatements = {};
  readonly submittedNamedStatements = {};
  readonly stream = { destroy: (): void => this.destroy() };
  _connecting = false;
  readOnly = false;
  readonly #network: Network;
  readonly #server: SimServer;
  #open = false;
  #ended = false;

  constructor(network: Network, server: SimServer) {
    super();
    this.#network = network;
    this.#server = server;
  }

  connect(): void {
    this._connecting = true;
    this.#send(() => {
      if (!this.#server.up) return this.#receive(() => this.#refuse());
      this.#open = true;
      this.#server.connections.add(this);
      this.#receive(() => this.emit('connect'));
    });
  }

  startup({ options = '' }: { readonly options?: string }): void {
    this.readOnly = options.includes('default_transaction_read_only=on');
    this.#receive(() => this.#ready());
  }

  query(text: string): void {
    const question = questionOf(text);
    this.#network.onSent(this.#server, question, this);
    this.#send(() => {
      if (!this.#open) return;
      const answer = answerTo(question, this.#server, this.readOnly);
      const reply = (): void => this.#receive(() => this.#deliver(question, answer));
      if (question.kind === 'write' && answer.error === undefined) {
        this.#network.write(this.#server, question.id, reply);
      } else reply();
    });
  }

  end(): void {
    this.destroy();
  }

  ref(): void {}

  unref(): void {}

  /** This side gives the connection up. */
  destroy(): void {
    this.#close();
    this.#network.time.after(0, () => this.#end());
  }

  /** The server is gone, or has closed the connection. */
  lose(): void {
    this.#open = false;
    const notice = (): void => {
      this.#close();
      this.#end();
    };
    this.#network.time.after(1, () => this.#network.whenWhole(this.#server, notice));
  }

  #close(): void {
    this.#open = false;
    this.#server.connections.delete(this);
  }

  #send(fn: () => void): void {
    const { time } = this.#network;
    const arrive = (): void => {
      if (!this.#ended) fn();
    };
    time.afterQuietly(this.#network.latency(), () => this.#network.whenWhole(this.#server, arrive));
  }

  #receive(fn: () => void): void {
    const { time } = this.#network;
    const arrive = (): void => {
      if (!this.#ended) fn();
    };
    time.after(this.#network.latency(), () => this.#network.whenWhole(this.#server, arrive));
  }

  #deliver(question: Question, answer: Answer): void {
    if (!this.#open) return;
    this.#network.onAnswered(this.#server, question, answer);
    const { error, fields, command } = answer;
    if (error !== undefined) this.emit('errorMessage', error);
    else {
      this.emit('rowDescription', { fields: fields.map(({ name, oid }) => field(name, oid)) });
      this.emit('dataRow', { fields: fields.map(({ value }) => value) });
      this.emit('commandComplete', { text: command });
    }
    this.#ready();
  }

  #ready(): void {
    this.emit('readyForQuery', { status: 'I' });
  }

  #refuse(): void {
    const error = new Error(`connect ECONNREFUSED ${this.#server.name}`);
    this.emit('error', Object.assign(error, { code: 'ECONNREFUSED', syscall: 'connect' }));
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.emit('end');
  }
}

function field(name: string, dataTypeID: number): object {
  return { name, dataTypeID, format: 'text' };
}

/** The networks of all processes, under the name that their connections give for their user. */
const networks = new Map<string, Network>();

/** Makes a process's network known to {@link SimClient}. */
export function addNetwork(user: string, network: Network): void {
  networks.set(user, network);
}

/** `pg.Client` over a simulated network. */
export class SimClient extends pg.Client {
  constructor(config: string | pg.ClientConfig = {}) {
    const settings = typeof config === 'string' ? { host: config } : config;
    const network = networks.get(settings.user ?? '');
    if (network === undefined) throw new Error(`There is no network of '${settings.user}'.`);
    const connection = new SimConnection(network, network.server(settings.host ?? ''));
    // Whoever brings a socket closes the connection by that.
    settings.stream?.()?.once('close', () => connection.destroy());
    super(Object.assign({ ...settings }, { connection }));
  }
}
