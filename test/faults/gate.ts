import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** An address in front of a server that counts who comes and what is asked, and can swallow it. */
export interface Gate extends AsyncDisposable {
  readonly port: number;
  /** How many connections were opened. */
  readonly connections: number;
  /** How often a text has arrived. */
  count(text: string): number;
  /** From now on nothing comes through, either way, and nobody is told. */
  swallow(): void;
  /** Ends that: what came meanwhile is lost, with its connections. */
  release(): void;
}

/**
 * @param port where the server listens
 * @param trap a text from which on it swallows everything
 */
export async function openGate(port: number, trap?: string): Promise<Gate> {
  const links = new Set<{ readonly near: Socket; readonly far: Socket }>();
  const heard: string[] = [];
  let connections = 0;
  let swallows = false;
  const server = createServer((near) => {
    connections += 1;
    const far = connect(port, '127.0.0.1');
    const link = { near, far };
    links.add(link);
    near.on('data', (chunk) => {
      heard.push(chunk.toString('latin1'));
      if (trap !== undefined && chunk.includes(trap)) swallows = true;
      if (!swallows) far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (!swallows) near.write(chunk);
    });
    const end = (): void => {
      links.delete(link);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', () => !swallows && end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The gate has no port.');
  const drop = (): void => {
    for (const { near, far } of links) {
      near.destroy();
      far.destroy();
    }
    links.clear();
  };
  return {
    port: address.port,
    get connections() {
      return connections;
    },
    count: (text) => heard.join('').split(text).length - 1,
    swallow: () => {
      swallows = true;
    },
    release: () => {
      swallows = false;
      drop();
    },
    async [Symbol.asyncDispose]() {
      drop();
      await new Promise((done) => server.close(done));
    },
  };
}
