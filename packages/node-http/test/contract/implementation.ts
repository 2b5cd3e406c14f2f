import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { currentReplication, type ReplicationConfig, type ReplicationOptions } from '@node-replicated/core';
import { type Cluster, currentScope, type RequestReplication } from '@node-replicated/core/adapter';
import type { Client } from './http-client.js';

/** What a handler hands back; each implementation sends it in its framework's own way. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string;
}

/** A handler that knows no framework. */
export type Handler = (request: {
  readonly body: unknown;
  readonly replication: RequestReplication;
}) => Answer | Promise<Answer>;

/** A handler that writes to Node's own response; Fastify hijacks its reply first. */
export type RawHandler = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>;

/** The application under test: a path, and who serves it under every method. */
export interface App {
  readonly handlers?: Readonly<Record<string, Handler>>;
  readonly raw?: Readonly<Record<string, RawHandler>>;
}

/** A server that is listening, and a client that is connected to it. */
export interface Site extends AsyncDisposable {
  readonly client: Client;
  readonly port: number;
}

/** An adapter that the contract is held against. */
export interface Implementation {
  readonly name: string;
  readonly protocol: 'http/1.1' | 'h2';
  /** @param options @default a {@link secret} and nothing else */
  open(app: App, options?: ReplicationOptions | ReplicationConfig): Promise<Site>;
}

/** The methods under which an application serves each path. */
export const methods: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Listens on a free port of the loopback interface. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** Signs the pins of these tests. */
export const secret = 'a secret of this test, thirty-two bytes and more';

const timeAlone: Cluster = { name: 'main', readOnly: false };

/** A cluster that tells its position when the test lets it. */
export class SlowCluster implements Cluster {
  readonly name = 'main';
  readonly readOnly = false;
  /** How often it was asked. */
  asked = 0;
  readonly #answers = new EventEmitter().setMaxListeners(0);

  async currentPosition(): Promise<string | undefined> {
    const answered = once(this.#answers, 'answer');
    this.asked += 1;
    this.#answers.emit('asked');
    const [position] = await answered;
    return position;
  }

  /** Resolves when somebody has asked for the position. */
  async wasAsked(): Promise<void> {
    if (this.asked === 0) await once(this.#answers, 'asked');
  }

  /** Answers all who are waiting. */
  tell(position: string | undefined): void {
    this.#answers.emit('answer', position);
  }
}

/** Stands in for a statement that writes. */
export async function write(cluster: Cluster = timeAlone): Promise<void> {
  const session = currentScope()?.session;
  session?.beginWrite(cluster);
  await setImmediate();
  session?.endWrite(cluster);
}

/** Where the caller's next statement would run, and why. */
export function where(): string {
  const { role, reason } = currentReplication();
  return `${role}/${reason}`;
}

/** The request in whose scope the caller runs. */
export function whose(): string | undefined {
  return currentScope()?.session.request;
}
