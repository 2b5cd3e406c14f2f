import type { Server } from 'node:http';
import type { ReplicationConfig } from '@node-replicated/core';
import type { Responder } from './responder.js';
import type { Route } from './routes.js';

/** What a server is made of, whatever its framework. */
export interface ServerParts {
  readonly routes: readonly Route[];
  readonly responder: Responder;
  /** One for both servers: a pin that one of them signs is good at the other. */
  readonly replication: ReplicationConfig;
  /** 0: any that is free. */
  readonly port: number;
}

/** A server that listens. */
export interface DemoServer {
  readonly framework: string;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  stop(): Promise<void>;
}

/** Demo servers are for the people at this machine alone. */
export const host = '127.0.0.1';

/** The largest form, in bytes. */
export const formLimit = 16_384;

/** For how many ms a server that stops lets requests finish. */
const graceMs = 1_000;

/** Stops a server: nothing new is accepted, and connections that are still busy after a moment are cut. */
export async function stopServer(server: Server, close: () => PromiseLike<unknown>): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  try {
    await close();
  } finally {
    clearTimeout(cut);
  }
}
