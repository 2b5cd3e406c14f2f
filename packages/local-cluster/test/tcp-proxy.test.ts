import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TcpProxy } from '../src/tcp-proxy.js';
import { eventually } from './observe.js';

describe('the proxy', () => {
  let server: Server;
  let proxy: TcpProxy;
  let onServer: (socket: Socket) => void;
  const sockets: Socket[] = [];

  const dial = async (): Promise<Socket> => {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  };

  beforeEach(async () => {
    onServer = (socket) => socket.pipe(socket);
    server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      sockets.push(socket);
      onServer(socket);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    proxy = new TcpProxy(() => port);
    await proxy.open();
  });
  afterEach(() => {
    proxy.destroy();
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
  });

  it('lets one side finish while the other goes on', async () => {
    onServer = (socket) => {
      let heard = '';
      socket.on('data', (chunk) => {
        heard += String(chunk);
      });
      socket.on('end', () => socket.end(`heard ${heard}`));
    };
    const client = await dial();
    client.end('all of it');
    expect(await text(client)).toBe('heard all of it');
  });

  it('carries megabytes unharmed', async () => {
    const sent = Buffer.alloc(8_000_000, 'abcdefg');
    const client = await dial();
    client.end(sent);
    expect((await buffer(client)).equals(sent)).toBe(true);
  });

  it('does not take more than the receiver does', async () => {
    onServer = (socket) => socket.pause();
    const client = await dial();
    const chunk = Buffer.alloc(1_000_000);
    let taken = 0;
    const push = (): void => {
      client.write(chunk, (error) => {
        if (error) return;
        taken++;
        push();
      });
    };
    push();
    let before = -1;
    await eventually('it takes no more', async () => {
      const still = taken === before;
      before = taken;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return still && taken === before;
    });
    expect(taken).toBeLessThan(40);
  });

  it('resets the client when the server is not there', async () => {
    server.close();
    const client = await dial();
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });

  it('passes a lost client on to the server', async () => {
    let lost = false;
    onServer = (socket) => {
      socket.resume().on('close', () => {
        lost = true;
      });
      socket.on('end', () => socket.end());
    };
    const client = await dial();
    client.write('x');
    client.destroy();
    await eventually('the server knows', () => lost);
  });

  it('keeps the order of bytes over a black hole', async () => {
    const client = await dial();
    let heard = '';
    client.on('data', (chunk) => {
      heard += String(chunk);
    });
    for (let round = 0; round < 10; round++) {
      client.write(`before ${round} `);
      proxy.cut('blackhole');
      client.write(`inside ${round} `);
      proxy.heal();
    }
    client.end('end');
    await once(client, 'end');
    const rounds = Array.from({ length: 10 }, (_, round) => `before ${round} inside ${round} `);
    expect(heard).toBe(`${rounds.join('')}end`);
  });

  it('keeps its port while it is closed, and opens once when asked twice', async () => {
    const { port } = proxy;
    proxy.cut('refuse');
    const refused = connect({ port, host: '127.0.0.1' });
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    proxy.heal();
    await Promise.all([proxy.open(), proxy.open()]);
    expect(proxy.port).toBe(port);
    await dial();
  });

  it('stays closed when it is closed while it opens', async () => {
    proxy.close();
    const opening = proxy.open();
    proxy.destroy();
    await opening;
    await proxy.open();
    const refused = connect({ port: proxy.port, host: '127.0.0.1' });
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });
});
