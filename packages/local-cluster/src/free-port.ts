import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { LocalClusterError } from './errors.js';

/*
 * Ports are taken from below the range that the kernel gives to outgoing connections (32768 and up
 * on Linux, 49152 on macOS). Above it, any connection may grab the port of a node that is down, and
 * a client that retries a closed local port can even end up connected to itself.
 */
const LOWEST = 17_000;
const HIGHEST = 32_000;
const ATTEMPTS = 50;

/** A port that no other process which asks here is given, also while nobody listens on it. */
export interface PortClaim {
  readonly port: number;
  /** Lets others have the port. */
  release(): void;
}

/**
 * Claims a port of 127.0.0.1 that nobody listens on. The claim is a UDP socket bound to the same
 * number: every process sees it, it does not stand in the way of TCP, and it goes with its process.
 */
export async function claimPort(draw: () => number = randomPort): Promise<PortClaim> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = draw();
    const claim = await bound(port);
    if (claim && (await isFree(port))) return claim;
    claim?.release();
  }
  throw new LocalClusterError('ERR_CLUSTER_START', `No free port found between ${LOWEST} and ${HIGHEST}.`);
}

/** A port of 127.0.0.1 that nobody listens on, kept for this process until it ends. */
export async function freePort(): Promise<number> {
  return (await claimPort()).port;
}

function randomPort(): number {
  return LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
}

function bound(port: number): Promise<PortClaim | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(undefined);
    });
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.unref();
      resolve({ port, release: () => socket.close() });
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}
