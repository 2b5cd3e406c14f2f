import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What came back in some time. */
export interface Served {
  readonly responses: number;
  readonly ms: number;
}

/**
 * Keep-alive connections that each ask again as soon as they have been answered. Requests are bytes made
 * beforehand, and responses, all of which are as long as the first one, are only counted: the load must cost less
 * than the server, or it would be the load that is measured.
 */
export class HttpLoad implements Disposable {
  readonly #sockets: readonly Socket[];
  readonly #request: Buffer;
  #length = 0;
  #failure: Error | undefined;

  private constructor(sockets: readonly Socket[], request: Buffer) {
    this.#sockets = sockets;
    this.#request = request;
    for (const socket of sockets) {
      socket.on('error', (error) => {
        this.#failure ??= error;
      });
    }
  }

  /**
   * Opens the connections and sees what a response looks like.
   *
   * @throws an Error when it is not a 200 of a known length
   */
  static async open(port: number, path: string, connections: number): Promise<HttpLoad> {
    const sockets = Array.from({ length: connections }, () =>
      connect({ port, host: '127.0.0.1', noDelay: true }),
    );
    const load = new HttpLoad(sockets, Buffer.from(requestText(port, path), 'latin1'));
    try {
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      load.#length = (await firstResponse(sockets, load.#request)).length;
      return load;
    } catch (error) {
      load[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Asks for so many ms.
   *
   * @throws an Error when a response is not a 200, has another length, or a connection ends
   */
  async run(ms: number): Promise<Served> {
    const began = performance.now();
    const counts = await Promise.all(this.#sockets.map((socket) => this.#repeat(socket, began + ms)));
    return { responses: counts.reduce((sum, count) => sum + count, 0), ms: performance.now() - began };
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #repeat(socket: Socket, until: number): Promise<number> {
    return new Promise((resolve, reject) => {
      let responses = 0;
      let received = 0;
      const finish = (error?: Error): void => {
        socket.off('data', onData);
        socket.off('close', onClose);
        if (error === undefined) resolve(responses);
        else reject(error);
      };
      const onClose = (): void => finish(this.#failure ?? new Error('The server closed a connection.'));
      const onData = (chunk: Buffer): void => {
        if (received === 0 && !isOk(chunk)) return finish(unexpected(chunk.toString('latin1')));
        received += chunk.length;
        if (received < this.#length) return;
        if (received > this.#length) return finish(unexpected(`${received} bytes, not ${this.#length}`));
        received = 0;
        responses += 1;
        if (performance.now() < until) socket.write(this.#request);
        else finish();
      };
      socket.on('data', onData);
      socket.on('close', onClose);
      socket.write(this.#request);
    });
  }
}

/** The headers that a browser sends, in short; the cookie is some session's. */
function requestText(port: number, path: string): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Accept: application/json',
    'Accept-Encoding: gzip, deflate, br',
    'User-Agent: bench',
    'Cookie: theme=dark; session=s%3A9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d.Zm9vYmFyYmF6cXV4',
    'Connection: keep-alive',
    '\r\n',
  ].join('\r\n');
}

/** The whole text of one response on the first connection. */
async function firstResponse([socket]: readonly Socket[], request: Buffer): Promise<string> {
  if (socket === undefined) throw new RangeError('A load needs a connection.');
  socket.write(request);
  let text = '';
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    text += chunk.toString('latin1');
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd < 0) continue;
    const length = Number(/\r\ncontent-length: *(\d+)\r\n/i.exec(text)?.[1]);
    if (!text.startsWith('HTTP/1.1 200 ') || Number.isNaN(length)) throw unexpected(text);
    if (text.length >= headEnd + 4 + length) return text;
  }
}

const okStatus = Buffer.from('HTTP/1.1 200 ', 'latin1');

function isOk(chunk: Buffer): boolean {
  return (
    chunk.length >= okStatus.length && chunk.compare(okStatus, 0, okStatus.length, 0, okStatus.length) === 0
  );
}

function unexpected(what: string): Error {
  return new Error(`An unexpected HTTP response: ${what}`);
}
