import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { onReplicationEvent } from '@node-replicated/core';
import { currentScope } from '@node-replicated/core/adapter';
import { expect, it } from 'vitest';
import { ways } from './headers-contract.js';
import type { Reply } from './http-client.js';
import {
  type Answer,
  type App,
  type Handler,
  type Implementation,
  type RawHandler,
  type Site,
  SlowCluster,
  write,
} from './implementation.js';

/** What a client's pin says of the cluster: a position, or that none is known. */
function markIn({ cookies }: Reply): string | undefined {
  return cookies.map((cookie) => /^replication_pin=1\.\w+\.main:([^.~]*)\./.exec(cookie)?.[1]).find(Boolean);
}

const methodsOfResponses = ['writeHead', 'write', 'end', 'flushHeaders', 'on', 'once', 'setHeader'] as const;
const chunk = Buffer.alloc(65_536, 'x');
const chunks = 64;

/** A stream of 4 MiB that counts what is taken from it. */
function bigStream(): { readonly stream: Readable; readonly taken: () => number } {
  let taken = 0;
  const stream = new Readable({
    highWaterMark: chunk.length,
    read() {
      this.push(taken < chunks ? chunk : null);
      taken += 1;
    },
  });
  return { stream, taken: () => taken };
}

async function* bigGenerator(): AsyncGenerator<Buffer> {
  for (let index = 0; index < chunks; index += 1) yield chunk;
}

/** What was published as a late write while something ran. */
async function lateWritesDuring(fn: () => Promise<unknown>): Promise<readonly unknown[]> {
  const late: unknown[] = [];
  const stop = onReplicationEvent('late-write', (event) => late.push(event));
  await fn();
  stop();
  return late;
}

/** The response to a request that wrote waits for the position of what was written. */
export function holdContract({ open, protocol }: Implementation): void {
  const tell: Handler = () => ({ body: 'served' });

  /** Sends a request, and looks at it while its response is held. */
  async function held(
    app: App,
    cluster: SlowCluster,
    position: string | undefined,
    { method = 'POST', meanwhile }: { method?: string; meanwhile?: (site: Site) => unknown } = {},
  ): Promise<Reply> {
    await using site = await open({ ...app, handlers: { ...app.handlers, '/tell': tell } });
    let left = false;
    const onHead = (): void => {
      left = true;
    };
    const replied = site.client.send(method, '/', { onHead });
    replied.catch(() => undefined);
    await cluster.wasAsked();
    // Whatever could have left by now would have come before this answer.
    await site.client.send('GET', '/tell');
    expect(left, 'the headers have left before the position was known').toBe(false);
    await meanwhile?.(site);
    cluster.tell(position);
    return await replied;
  }

  const answering = (cluster: SlowCluster, answer: Answer): App => ({
    handlers: {
      '/': async () => {
        await write(cluster);
        return answer;
      },
    },
  });

  const rawly = (serve: RawHandler): App => ({ raw: { '/': serve } });

  it.each(Object.entries(ways))('%s: the headers wait for it, and bring it', async (_, { send, cookies }) => {
    const cluster = new SlowCluster();
    const app = rawly(async (_req, res) => {
      await write(cluster);
      send(res);
    });
    const reply = await held(app, cluster, 'P1');
    expect(reply.cookies.slice(0, -1)).toEqual(cookies);
    expect(markIn(reply)).toBe('P1');
    expect(reply.body === '' || reply.body === 'x').toBe(true);
  });

  it.each([200, 201, 204, 304, 404, 500])('an answer with status %i waits for it', async (status) => {
    const cluster = new SlowCluster();
    const body = status === 204 || status === 304 ? {} : { body: 'the body' };
    const reply = await held(answering(cluster, { status, ...body }), cluster, 'P1');
    expect([reply.status, reply.body, markIn(reply)]).toEqual([status, body.body ?? '', 'P1']);
  });

  it('an answer to HEAD waits for it', async () => {
    const cluster = new SlowCluster();
    const headers = { 'x-other': 'o' };
    const reply = await held(answering(cluster, { headers }), cluster, 'P1', { method: 'HEAD' });
    expect([reply.status, reply.headers['x-other'], markIn(reply)]).toEqual([200, 'o', 'P1']);
  });

  it('an error after a write waits for it', async () => {
    const cluster = new SlowCluster();
    const failing: Handler = async () => {
      await write(cluster);
      throw new Error('the handler fails');
    };
    const reply = await held({ handlers: { '/': failing } }, cluster, 'P1');
    expect([reply.status, markIn(reply)]).toEqual([500, 'P1']);
  });

  it('the cluster is asked once for each response', async () => {
    const cluster = new SlowCluster();
    const app = rawly(async (_req, res) => {
      for (let time = 0; time < 3; time += 1) await write(cluster);
      res.writeHead(200);
      res.write('a');
      res.end('b');
    });
    expect((await held(app, cluster, 'P1')).body).toBe('ab');
    expect(cluster.asked).toBe(1);
  });

  it('where it cannot be had, the pin says so', async () => {
    const cluster = new SlowCluster();
    const reply = await held(answering(cluster, { body: 'x' }), cluster, undefined);
    expect([reply.body, markIn(reply)]).toEqual(['x', '!']);
  });

  it('a write that begins while the response is held is none that the position includes', async () => {
    const cluster = new SlowCluster();
    const app = rawly(async (_req, res) => {
      await write(cluster);
      res.end('x');
      await write(cluster);
    });
    const late = await lateWritesDuring(async () => {
      expect(markIn(await held(app, cluster, 'P1'))).toBe('!');
    });
    expect(late).toEqual([]);
  });

  it('a write that is still under way while the response is held is reported when it leaves', async () => {
    const cluster = new SlowCluster();
    const app = rawly(async (_req, res) => {
      await write(cluster);
      res.end('x');
      currentScope()?.session.beginWrite(cluster);
    });
    const late = await lateWritesDuring(async () => {
      expect(markIn(await held(app, cluster, 'P1'))).toBe('!');
    });
    expect(late).toEqual([{ cluster: 'main', request: 'POST /' }]);
  });

  it('a write that begins after the headers have left is late', async () => {
    const cluster = new SlowCluster();
    const app = rawly(async (_req, res) => {
      await write(cluster);
      res.write('first');
      await once(res, 'drain');
      await write(cluster);
      res.end(', then the rest');
    });
    const late = await lateWritesDuring(async () => {
      const reply = await held(app, cluster, 'P1');
      expect([reply.body, markIn(reply)]).toEqual(['first, then the rest', 'P1']);
    });
    expect(late).toEqual([{ cluster: 'main', request: 'POST /' }]);
  });

  it('a response to a request that has not written is left as it is', async () => {
    const own: unknown[] = [];
    const raw: RawHandler = (_req, res) => {
      own.push(...methodsOfResponses.filter((name) => Object.hasOwn(res, name)));
      res.end('x');
    };
    await using site = await open({ raw: { '/': raw } });
    expect((await site.client.send('POST', '/')).body).toBe('x');
    expect(own).toEqual([]);
  });

  it('to the application the response has left: it can neither be changed nor be given twice', async () => {
    const cluster = new SlowCluster();
    const seen: unknown[] = [];
    const refused = expect.objectContaining({ code: expect.stringMatching(/^ERR_HTTP2?_HEADERS_SENT$/) });
    const app = rawly(async (_req, res) => {
      await write(cluster);
      seen.push(res.headersSent, res.writableEnded);
      res.statusCode = 201;
      res.setHeader('x-other', 'o');
      res.write('x');
      seen.push(res.headersSent, res.writableEnded);
      res.end();
      seen.push(res.headersSent, res.writableEnded);
      res.statusCode = 500;
      expect(() => res.setHeader('x-other', 'changed')).toThrow(refused);
      expect(() => res.removeHeader('x-other')).toThrow(refused);
      expect(() => res.appendHeader('x-other', 'changed')).toThrow(refused);
      expect(() => res.writeHead(500)).toThrow(refused);
      seen.push(res.getHeader('x-other'));
    });
    const reply = await held(app, cluster, 'P1');
    expect([reply.status, reply.headers['x-other'], reply.body]).toEqual([201, 'o', 'x']);
    expect(seen).toEqual([false, false, true, false, true, true, 'o']);
  });

  it('once it has left, it says of itself what Node says', async () => {
    const cluster = new SlowCluster();
    let response: ServerResponse | undefined;
    const app = rawly(async (_req, res) => {
      response = res;
      await write(cluster);
      res.end('x');
    });
    await held(app, cluster, 'P1');
    for (const property of ['headersSent', 'writableEnded']) {
      expect(Object.hasOwn(response ?? {}, property), property).toBe(false);
      expect(Reflect.get(response ?? {}, property), property).toBe(true);
    }
  });

  it('what is told when something has been sent is told, in order', async () => {
    const cluster = new SlowCluster();
    const order: string[] = [];
    const app = rawly(async (_req, res) => {
      await write(cluster);
      res.on('finish', () => order.push('finish'));
      res.write('a', () => order.push('write'));
      res.end('b', () => order.push('end'));
      order.push('given');
    });
    const reply = await held(app, cluster, 'P1', { meanwhile: () => expect(order).toEqual(['given']) });
    await expect.poll(() => order.length).toBe(4);
    expect(reply.body).toBe('ab');
    expect(order[0]).toBe('given');
    expect(order.indexOf('write')).toBeLessThan(order.indexOf('end'));
  });

  it('a stream that is piped into the response is paused while it is held, and then sent whole', async () => {
    const cluster = new SlowCluster();
    const { stream, taken } = bigStream();
    const app = rawly(async (_req, res) => {
      await write(cluster);
      stream.pipe(res);
    });
    const reply = await held(app, cluster, 'P1', {
      meanwhile: () => {
        expect(stream.isPaused() || !stream.readableFlowing).toBe(true);
        expect(taken()).toBeLessThan(8);
      },
    });
    expect(reply.body.length).toBe(chunks * chunk.length);
    expect(markIn(reply)).toBe('P1');
  });

  it.each<[string, (res: ServerResponse) => Promise<unknown>]>([
    ['a pipeline', (res) => pipeline(bigStream().stream, res)],
    ['a pipeline from a generator', (res) => pipeline(bigGenerator, res)],
    [
      'a loop that waits for drain',
      async (res) => {
        for await (const part of bigGenerator()) if (!res.write(part)) await once(res, 'drain');
        res.end();
      },
    ],
    [
      'a loop that listened for drain before it began',
      async (res) => {
        let goOn = (): void => undefined;
        res.on('drain', () => goOn());
        for await (const part of bigGenerator())
          if (!res.write(part)) await new Promise<void>((resolve) => (goOn = resolve));
        res.end();
      },
    ],
  ])('%s goes on when the response is let go, to its end', async (_, send) => {
    const cluster = new SlowCluster();
    let sent: Promise<unknown> | undefined;
    const app = rawly(async (_req, res) => {
      await write(cluster);
      sent = send(res);
      await sent;
    });
    const reply = await held(app, cluster, 'P1');
    await sent;
    expect(reply.body.length).toBe(chunks * chunk.length);
    expect(markIn(reply)).toBe('P1');
  });

  it('a stream of events begins when the response is let go, and goes on', async () => {
    const cluster = new SlowCluster();
    let waiting: ServerResponse | undefined;
    const app = rawly(async (_req, res) => {
      await write(cluster);
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.flushHeaders();
      res.write('data: 1\n\n');
      res.on('drain', () => {
        res.write('data: 2\n\n');
        res.end();
      });
      waiting = res;
    });
    const reply = await held(app, cluster, 'P1', {
      meanwhile: () => expect(waiting?.headersSent).toBe(true),
    });
    expect(reply.body).toBe('data: 1\n\ndata: 2\n\n');
    expect([reply.headers['content-type'], markIn(reply)]).toEqual(['text/event-stream', 'P1']);
  });

  it('a client that goes away while its response is held leaves the server as it was', async () => {
    const cluster = new SlowCluster();
    const abort = new AbortController();
    let closed: Promise<unknown> | undefined;
    const raw: RawHandler = async (_req, res) => {
      closed = once(res, 'close');
      await write(cluster);
      res.write('nobody reads this');
      res.end();
    };
    await using site = await open({ raw: { '/': raw }, handlers: { '/tell': tell } });
    const replied = expect(site.client.send('POST', '/', { signal: abort.signal })).rejects.toThrow();
    await cluster.wasAsked();
    abort.abort();
    await replied;
    await closed;
    cluster.tell('P1');
    expect((await site.client.send('GET', '/tell')).body).toBe('served');
  });

  it('a handler that destroys its response while it is held has destroyed it', async () => {
    const cluster = new SlowCluster();
    const raw: RawHandler = async (_req, res) => {
      await write(cluster);
      res.write('x');
      await cluster.wasAsked();
      res.destroy();
      cluster.tell('P1');
    };
    await using site = await open({ raw: { '/': raw }, handlers: { '/tell': tell } });
    const gone = site.client.send('POST', '/').then(
      ({ body }) => body,
      () => '',
    );
    expect(await gone).toBe('');
    expect((await site.client.send('GET', '/tell')).body).toBe('served');
  });

  it('what Node refuses is refused at once, and another answer can be given', async () => {
    const cluster = new SlowCluster();
    const app = rawly(async (_req, res) => {
      await write(cluster);
      const given = res as unknown as {
        [way in 'write' | 'end' | 'writeHead']: (...given: unknown[]) => unknown;
      };
      expect(() => given.writeHead(99)).toThrow(RangeError);
      expect(() => given.writeHead(200, { 'x-other': undefined })).toThrow(TypeError);
      expect(() => given.writeHead(200, ['x other', 'o'])).toThrow(TypeError);
      expect(() => given.write(null)).toThrow(TypeError);
      expect(() => given.end({ not: 'a chunk' })).toThrow(TypeError);
      expect(res.headersSent).toBe(false);
      res.statusCode = 500;
      res.end('x');
    });
    const reply = await held(app, cluster, 'P1');
    expect([reply.status, reply.body, markIn(reply)]).toEqual([500, 'x', 'P1']);
  });

  // HTTP/2 has no pipelining.
  if (protocol === 'http/1.1')
    it('pipelined responses leave in the order of their requests, also when the first is held', async () => {
      const cluster = new SlowCluster();
      const raw = (body: string, ...clusters: SlowCluster[]): RawHandler => {
        return async (_req, res) => {
          for (const one of clusters) await write(one);
          res.setHeader('content-length', body.length);
          res.end(body);
        };
      };
      const second = new SlowCluster();
      await using site = await open({
        raw: { '/1': raw('first', cluster), '/2': raw('second', second), '/3': raw('third') },
      });
      const socket = connect(site.port, '127.0.0.1');
      let received = '';
      socket.setEncoding('latin1').on('data', (text) => {
        received += text;
      });
      socket.write([1, 2, 3].map((n) => `GET /${n} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(''));
      await cluster.wasAsked();
      await second.wasAsked();
      second.tell('P2');
      await site.client.send('GET', '/3');
      expect(received).toBe('');
      cluster.tell('P1');
      await expect.poll(() => received).toMatch(/third$/);
      socket.destroy();
      const marks = received.split('HTTP/1.1 200 OK').map((part) => /main:(P\d)/.exec(part)?.[1]);
      expect(marks).toEqual([undefined, 'P1', 'P2', undefined]);
      expect(received).toMatch(/first.*second.*third/s);
    });
}
