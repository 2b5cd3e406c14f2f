import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { gunzipSync } from 'node:zlib';
import { replicationHandler } from '@node-replicated/node-http';
import { describe, expect, it, vi } from 'vitest';
import { holdResponse } from '../src/hold-response.js';
import { compressing, type Flushable } from './compressing.js';
import { http1Client } from './contract/http-client.js';
import { listen, SlowCluster, secret, write } from './contract/implementation.js';

/** Something to wait for, that the test brings about. */
class Gate {
  readonly #opened: Promise<void>;
  #open: (error?: Error) => void = () => undefined;
  asked = 0;

  constructor() {
    this.#opened = new Promise((resolve, reject) => {
      this.#open = (error) => (error === undefined ? resolve() : reject(error));
    });
  }

  readonly ready = (): Promise<void> => {
    this.asked += 1;
    return this.#opened;
  };

  open(error?: Error): void {
    this.#open(error);
  }
}

interface Answered {
  readonly status: number | undefined;
  readonly message: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** What a client gets from a response that is served like this. */
async function answerOf(
  serve: (res: ServerResponse, req: IncomingMessage) => unknown,
  path = '/',
): Promise<Answered> {
  const server = createServer((req, res) => void serve(res, req));
  const port = await listen(server);
  try {
    return await new Promise<Answered>((resolve, reject) => {
      const req = get({ host: '127.0.0.1', port, path, agent: false });
      req.on('error', reject);
      req.on('response', (res) => {
        const { statusCode: status, statusMessage: message, headers } = res;
        buffer(res).then((body) => resolve({ status, message, headers, body }), reject);
      });
    });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('a held response', () => {
  it('asks whether there is something to wait for when the headers would leave, and only then', async () => {
    const gate = new Gate();
    const asked: number[] = [];
    const { body } = await answerOf((res) => {
      holdResponse(res, gate.ready);
      res.setHeader('x-other', 'o');
      asked.push(gate.asked);
      res.write('a');
      res.write('b');
      res.end('c');
      asked.push(gate.asked);
      gate.open();
    });
    expect([body.toString(), asked]).toEqual(['abc', [0, 1]]);
  });

  it('is not held when there is nothing to wait for', async () => {
    await answerOf((res) => {
      holdResponse(res, () => undefined);
      res.write('a');
      expect(Object.hasOwn(res, 'headersSent')).toBe(false);
      expect(res.headersSent).toBe(true);
      res.end();
    });
  });

  it('is let go also when what it waits for fails', async () => {
    const gate = new Gate();
    const { status, body } = await answerOf((res) => {
      holdResponse(res, gate.ready);
      res.writeHead(201).end('x');
      gate.open(new Error('lost'));
    });
    expect([status, body.toString()]).toEqual([201, 'x']);
  });

  it('keeps the status, message and length with which it was given', async () => {
    const gate = new Gate();
    const { status, message, headers } = await answerOf((res) => {
      holdResponse(res, gate.ready);
      res.statusCode = 202;
      res.statusMessage = 'Fine';
      res.end('four');
      res.statusCode = 500;
      res.statusMessage = 'Not fine';
      gate.open();
    });
    expect([status, message, headers['content-length']]).toEqual([202, 'Fine', '4']);
  });

  it('has the status of writeHead at once', async () => {
    const gate = new Gate();
    await answerOf((res) => {
      holdResponse(res, gate.ready);
      res.writeHead(404);
      expect(res.statusCode).toBe(404);
      res.end();
      gate.open();
    });
  });

  it('that Node refuses in the end is broken off, and the server goes on', async () => {
    const gate = new Gate();
    const broken = answerOf((res) => {
      holdResponse(res, gate.ready);
      res.strictContentLength = true;
      res.setHeader('content-length', 4);
      res.end('five5');
      gate.open();
    });
    await expect(broken).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('is not idle to a server that closes idle connections', async () => {
    const gate = new Gate();
    const server = createServer((_req, res) => {
      holdResponse(res, gate.ready);
      res.end('x');
      server.closeIdleConnections();
      gate.open();
    });
    const port = await listen(server);
    const req = get({ host: '127.0.0.1', port, agent: false });
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    expect((await buffer(res)).toString()).toBe('x');
    await new Promise((resolve) => server.close(resolve));
  });

  it('that was corked stays in order', async () => {
    const gate = new Gate();
    const { body } = await answerOf((res) => {
      holdResponse(res, gate.ready);
      res.cork();
      res.write('a');
      res.write('b');
      process.nextTick(() => res.uncork());
      gate.open();
      void once(res, 'drain').then(() => res.end('c'));
    });
    expect(body.toString()).toBe('abc');
  });

  it('goes through middleware that came later once', async () => {
    const gate = new Gate();
    const passed: string[] = [];
    const { body } = await answerOf((res) => {
      holdResponse(res, gate.ready);
      for (const way of ['writeHead', 'write', 'end'] as const) {
        const later = res[way] as (...given: unknown[]) => unknown;
        Reflect.set(res, way, (...given: unknown[]) => {
          passed.push(way);
          return Reflect.apply(later, res, given);
        });
      }
      res.writeHead(200);
      res.write('a');
      res.end('b');
      gate.open();
    });
    expect([body.toString(), passed]).toEqual(['ab', ['writeHead', 'write', 'end']]);
  });

  it('meets the error handler that looks whether an answer has begun, which then gives none', async () => {
    const gate = new Gate();
    const { status, body } = await answerOf((res) => {
      holdResponse(res, gate.ready);
      try {
        res.end('the answer');
        throw new Error('too late');
      } catch {
        if (!res.headersSent) res.writeHead(500).end('an error');
      }
      gate.open();
    });
    expect([status, body.toString()]).toEqual([200, 'the answer']);
  });
});

describe('a connection that is closed while a response is held', () => {
  it('is closed after the response has left, as error handlers do it when a handler fails late', async () => {
    const gate = new Gate();
    const { status, body } = await answerOf((res, req) => {
      holdResponse(res, gate.ready);
      res.writeHead(201, { 'content-length': 10 });
      res.end('the answer');
      req.socket.destroy();
      gate.open();
    });
    expect([status, body.toString()]).toEqual([201, 'the answer']);
  });

  it('is watched once, however many requests it carries, and for held responses alone', async () => {
    const cluster = new SlowCluster();
    const destroys = new Set<unknown>();
    const replicate = replicationHandler({ secret });
    const server = createServer((req, res) => {
      replicate(req, res, async () => {
        if (req.method === 'POST') await write(cluster);
        res.end('x');
        cluster.tell('P1');
        destroys.add(req.socket.destroy);
      });
    });
    const client = http1Client(await listen(server), 1);
    for (const method of ['GET', 'POST', 'POST', 'GET', 'POST']) await client.send(method, '/');
    await client.close();
    await new Promise((resolve) => server.close(resolve));
    expect(destroys.size).toBe(2);
    expect(destroys).toContain(Socket.prototype.destroy);
  });
});

describe('those who wait for drain', () => {
  it('are told once each, and go on listening if they asked to', async () => {
    const gate = new Gate();
    const told: Record<string, number> = { on: 0, once: 0, before: 0, first: 0 };
    const count = (who: string) => () => {
      told[who] = (told[who] ?? 0) + 1;
    };
    await answerOf(async (res) => {
      res.on('drain', count('before'));
      holdResponse(res, gate.ready);
      res.prependListener('drain', count('first'));
      res.write('a');
      res.on('drain', count('on'));
      res.once('drain', count('once'));
      gate.open();
      await once(res, 'drain');
      expect(told).toEqual({ on: 1, once: 1, before: 1, first: 1 });
      res.emit('drain');
      expect(told).toEqual({ on: 2, once: 1, before: 2, first: 2 });
      res.end();
    });
  });

  it('are not told when they have stopped listening', async () => {
    const gate = new Gate();
    const stopped = vi.fn();
    await answerOf(async (res) => {
      holdResponse(res, gate.ready);
      res.write('a');
      res.on('drain', stopped);
      res.off('drain', stopped);
      gate.open();
      await once(res, 'drain');
      res.emit('drain');
      res.end();
    });
    expect(stopped).not.toHaveBeenCalled();
  });

  it('are not told when nothing was written, and are when something is', async () => {
    const gate = new Gate();
    const told = vi.fn();
    await answerOf(async (res) => {
      holdResponse(res, gate.ready);
      res.flushHeaders();
      res.on('drain', told);
      gate.open();
      await gate.ready();
      expect(told).not.toHaveBeenCalled();
      res.emit('drain');
      expect(told).toHaveBeenCalledTimes(1);
      res.end();
    });
  });

  it('are not told after the end', async () => {
    const gate = new Gate();
    const told = vi.fn();
    const { body } = await answerOf((res) => {
      holdResponse(res, gate.ready);
      res.on('drain', told);
      res.write('a');
      res.end('b');
      gate.open();
    });
    expect(body.toString()).toBe('ab');
    expect(told).not.toHaveBeenCalled();
  });

  it('leave a source paused when it was unpiped meanwhile', async () => {
    const gate = new Gate();
    const source = Readable.from(['a', 'b', 'c'], { objectMode: false });
    const { body } = await answerOf(async (res) => {
      holdResponse(res, gate.ready);
      source.pipe(res);
      await expect.poll(() => res.headersSent).toBe(true);
      source.unpipe(res);
      gate.open();
      await gate.ready();
      res.end('!');
    });
    expect(body.toString()).toBe('a!');
  });
});

describe('middleware that compresses', () => {
  const large = 'a line of text that is long enough\n'.repeat(100_000);

  async function* inParts(): AsyncGenerator<string> {
    for (let at = 0; at < large.length; at += 65_536) yield large.slice(at, at + 65_536);
  }

  const bodies: Readonly<Record<string, (res: ServerResponse) => unknown>> = {
    'end alone': (res) => res.end(large),
    'write twice, then end': (res) => {
      res.write(large.slice(0, 10));
      res.write(large.slice(10, 20));
      res.end(large.slice(20));
    },
    'writeHead, write and end': (res) => {
      res.writeHead(200, { 'x-other': 'o' });
      res.write(large.slice(0, 10));
      res.end(large.slice(10));
    },
    pipe: (res) => Readable.from(inParts()).pipe(res),
    pipeline: (res) => pipeline(Readable.from(inParts()), res),
    'pipeline from a generator': (res) => pipeline(inParts, res),
    'a small part that waits for drain, then the rest': async (res) => {
      if (!res.write(large.slice(0, 10))) await once(res, 'drain');
      res.end(large.slice(10));
    },
    'a pipeline that begins with a small part': (res) =>
      pipeline(Readable.from([large.slice(0, 10), large.slice(10)], { objectMode: false }), res),
    'a loop that waits for drain': async (res) => {
      for await (const part of inParts()) if (!res.write(part)) await once(res, 'drain');
      res.end();
    },
  };

  describe.each(['before the handler', 'after the first write'])('mounted %s', (place) => {
    it.each(Object.entries(bodies))('%s: the body comes whole, with the position', async (_, send) => {
      const cluster = new SlowCluster();
      const replicate = replicationHandler({ secret });
      const before = place !== 'after the first write';
      const { headers, body } = await answerOf((res, req) => {
        if (before) compressing(res);
        replicate(req, res, async () => {
          await write(cluster);
          if (!before) compressing(res);
          void cluster.wasAsked().then(() => setImmediate(() => cluster.tell('P1')));
          await send(res);
        });
      });
      expect(headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(body).toString()).toBe(large);
      expect(headers['set-cookie']?.[0]).toMatch(/main:P1\./);
    });
  });

  it('sends what it was told to flush while the response was held', async () => {
    const cluster = new SlowCluster();
    const replicate = replicationHandler({ secret });
    let end = (): void => undefined;
    const server = createServer((req, res) => {
      compressing(res);
      replicate(req, res, async () => {
        await write(cluster);
        res.write('data: 1\n\n');
        (res as ServerResponse & Flushable).flush();
        end = () => void res.end();
        cluster.tell('P1');
      });
    });
    const port = await listen(server);
    const req = get({ host: '127.0.0.1', port, agent: false });
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    const received: Buffer[] = [];
    res.on('data', (chunk: Buffer) => received.push(chunk));
    // Ten bytes are the head that comes first, whether or not anything is flushed.
    await expect.poll(() => Buffer.concat(received).length, { timeout: 10_000 }).toBeGreaterThan(10);
    end();
    await once(res, 'end');
    expect(gunzipSync(Buffer.concat(received)).toString()).toBe('data: 1\n\n');
    await new Promise((resolve) => server.close(resolve));
  });
});
