import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { expect } from 'vitest';
import { eventually, failureOf } from '../integration/stage.js';
import { counts, type Declare, type Implementation, refusalOf, timer } from './implementation.js';

/** What happens where no server is, or one that says nothing. */
export function unreachableContract(it: Declare, { Pool }: Implementation): void {
  it('a refused connection is the error of whoever needed it, at once, and is not kept', async () => {
    const { port } = await listening(() => undefined, true);
    const pool = new Pool({ host: '127.0.0.1', port, max: 1 });
    for (const attempt of [pool.connect(), pool.query('SELECT 1')]) {
      expect(await failureOf(attempt)).toMatchObject({ code: 'ECONNREFUSED', port });
    }
    expect(counts(pool)).toEqual([0, 0, 0]);
    await pool.end();
  });

  it('the callback of a connect that failed gets the error, no client, and a release', async () => {
    const { port } = await listening(() => undefined, true);
    const pool = new Pool({ host: '127.0.0.1', port });
    const args = await new Promise<unknown[]>((resolve) => {
      pool.connect((...all) => resolve(all));
    });
    expect(args).toEqual([
      expect.objectContaining({ code: 'ECONNREFUSED' }),
      undefined,
      expect.any(Function),
    ]);
    expect(() => Reflect.apply(args[2] as () => void, undefined, [])).not.toThrow();
    await pool.end();
  });

  it('a server that says nothing is given up after connectionTimeoutMillis', async () => {
    const { port, close } = await listening(() => undefined);
    const pool = new Pool({ host: '127.0.0.1', port, connectionTimeoutMillis: 100 });
    const words = 'Connection terminated due to connection timeout';
    expect(await refusalOf(pool.connect())).toBe(words);
    expect(await refusalOf(pool.query('SELECT 1'))).toBe(words);
    expect(pool.totalCount).toBe(0);
    await pool.end();
    await close();
  });

  it('whoever waits behind a connection that is given up waits no longer because of that', async () => {
    const { port, close } = await listening(() => undefined);
    const pool = new Pool({ host: '127.0.0.1', port, max: 1, connectionTimeoutMillis: 300 });
    const first = refusalOf(pool.connect());
    await eventually('half of the time is over', timer(150));
    const second = refusalOf(pool.connect());
    expect(await Promise.all([first, second])).toEqual([
      'Connection terminated due to connection timeout',
      'timeout exceeded when trying to connect',
    ]);
    await pool.end();
    await close();
  });

  it('whoever waits behind a connection that failed is served next', async () => {
    const { port, close } = await listening((socket) => socket.destroy());
    const pool = new Pool({ host: '127.0.0.1', port, max: 1 });
    const errors = await Promise.all([failureOf(pool.connect()), failureOf(pool.connect())]);
    for (const error of errors) expect(error).toBeInstanceOf(Error);
    expect(counts(pool)).toEqual([0, 0, 0]);
    await pool.end();
    await close();
  });
}

/** A server of TCP alone. */
async function listening(
  onSocket: (socket: Socket) => void,
  gone = false,
): Promise<{ port: number; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.add(socket);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  if (gone) await close();
  return { port, close };
}
