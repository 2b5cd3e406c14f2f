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

export function randomPort(): number {
  return LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
}

/** A port of 127.0.0.1 that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomPort();
    if (await isFree(port)) return port;
  }
  throw new LocalClusterError('ERR_CLUSTER_START', `No free port found between ${LOWEST} and ${HIGHEST}.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}
