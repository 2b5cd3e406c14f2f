import { EventEmitter, once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { currentReplication, usePrimary } from '@node-replicated/core';
import { expect, it } from 'vitest';
import { pinOf } from './http-client.js';
import { type Handler, type Implementation, type RawHandler, where, whose, write } from './implementation.js';

/** The ways in which a handler may wait; after each it has to be in the scope of its own request. */
const waits: readonly (() => Promise<unknown>)[] = [
  () => Promise.resolve(),
  () => setImmediate(),
  () => setTimeout(1),
  () => new Promise((resolve) => process.nextTick(resolve)),
  () => readFile(fileURLToPath(import.meta.url)),
  async () => {
    const emitter = new EventEmitter();
    queueMicrotask(() => emitter.emit('ready'));
    await once(emitter, 'ready');
  },
  () => pipeline(Readable.from(['a', 'b']), new Writable({ write: (_chunk, _encoding, next) => next() })),
];

/** Reads a body in the style of events, and then "queries". */
const readRaw: RawHandler = (req, res) => {
  const seen: unknown[] = [];
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    seen.push(whose());
  });
  req.on('end', async () => {
    seen.push(whose(), where());
    await write();
    res.setHeader('x-seen', [...new Set(seen)].join(', '));
    res.end(Buffer.concat(chunks));
  });
};

/** No request sees another's scope, nor loses its own. */
export function scopeContract({ open, protocol }: Implementation): void {
  it('a raw body that is read by events keeps the scope, on a connection that is used again', async () => {
    await using site = await open({ raw: { '/a': readRaw, '/b': readRaw } });
    for (const path of ['/a', '/b', '/a']) {
      const body = 'x'.repeat(200_000);
      const headers = { 'content-type': 'application/octet-stream' };
      const reply = await site.client.send('POST', path, { headers, body });
      expect(reply.body).toBe(body);
      expect(reply.headers['x-seen']).toBe(`POST ${path}, primary/method`);
      expect(pinOf(reply)).toBeDefined();
    }
  });

  it.each([
    ['application/json', '{"title":"hello"}'],
    ['application/x-www-form-urlencoded', 'title=hello'],
  ])('a parsed %s body keeps the scope', async (type, body) => {
    const echo: Handler = ({ body }) => ({
      headers: { 'x-whose': String(whose()) },
      body: JSON.stringify(body),
    });
    await using site = await open({ handlers: { '/echo': echo } });
    for (let time = 0; time < 2; time += 1) {
      const reply = await site.client.send('POST', '/echo', { headers: { 'content-type': type }, body });
      expect(reply.headers['x-whose']).toBe('POST /echo');
      expect(JSON.parse(reply.body)).toEqual({ title: 'hello' });
    }
  });

  it('listeners of the response run in the scope, wherever they were registered', async () => {
    const seen: unknown[] = [];
    const raw: RawHandler = async (_req, res) => {
      const closed = once(res, 'close');
      res.on('finish', () => seen.push(`finish ${whose()}`));
      res.on('close', () => seen.push(`close ${whose()}`));
      res.end('x', () => seen.push(`end ${whose()}`));
      await closed;
    };
    await using site = await open({ raw: { '/': raw } });
    await site.client.send('GET', '/');
    await expect.poll(() => seen.length).toBe(3);
    expect(seen.sort()).toEqual(['close GET /', 'end GET /', 'finish GET /']);
  });

  it('what is emitted inside usePrimary() stays there', async () => {
    const seen: string[] = [];
    const raw: RawHandler = (req, res) => {
      req.on('ask', () => seen.push(where()));
      usePrimary(() => req.emit('ask'));
      req.emit('ask');
      res.end();
    };
    await using site = await open({ raw: { '/': raw } });
    await site.client.send('GET', '/');
    expect(seen).toEqual(['primary/forced', 'replica/method']);
  });

  it('a client that goes away leaves its handler in its scope, and the server as it was', async () => {
    const abort = new AbortController();
    const gone = new EventEmitter();
    const seen = once(gone, 'seen');
    const raw: RawHandler = async (_req, res) => {
      const closed = new Promise<void>((done) => res.on('close', done));
      await write();
      abort.abort();
      await closed;
      await write();
      res.end('nobody reads this');
      gone.emit('seen', `${whose()} ${where()}`);
    };
    await using site = await open({
      raw: { '/gone': raw },
      handlers: { '/tell': () => ({ body: where() }) },
    });
    await expect(site.client.send('GET', '/gone', { signal: abort.signal })).rejects.toThrow();
    expect(await seen).toEqual(['GET /gone primary/own-write']);
    expect((await site.client.send('GET', '/tell')).body).toBe('replica/method');
  });

  // HTTP/2 has no pipelining.
  if (protocol === 'http/1.1')
    it('pipelined requests keep apart, down to the callbacks of a write', async () => {
      const seen: string[] = [];
      const release = new EventEmitter();
      const raw: RawHandler = async (req, res) => {
        const note = (what: string): void => {
          seen.push(`${req.url} ${what} ${whose()}`);
        };
        if (req.url === '/1') await once(release, 'go');
        res.on('finish', () => note('finish'));
        res.write('x'.repeat(100_000), () => note('write'));
        res.end('y', () => note('end'));
        if (req.url === '/3') release.emit('go');
      };
      await using site = await open({ raw: { '/1': raw, '/2': raw, '/3': raw } });
      const socket = connect(site.port, '127.0.0.1');
      socket.resume();
      socket.write([1, 2, 3].map((n) => `GET /${n} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(''));
      await expect.poll(() => seen.length).toBe(9);
      socket.destroy();
      expect(seen.sort()).toEqual(
        ['/1', '/2', '/3'].flatMap((url) =>
          ['end', 'finish', 'write'].map((what) => `${url} ${what} GET ${url}`),
        ),
      );
    });

  it('1,000 interleaved requests of both roles each see their own scope after every wait', async () => {
    const wander: Handler = async ({ replication }) => {
      const seen = new Set<string>();
      const look = (): void => {
        seen.add(`${whose()} ${currentReplication().role} ${replication.role}`);
      };
      look();
      for (const wait of waits) {
        await wait();
        look();
      }
      return { body: [...seen].join('\n') };
    };
    const paths = Array.from({ length: 20 }, (_, index) => `/${index}`);
    await using site = await open({ handlers: Object.fromEntries(paths.map((path) => [path, wander])) });
    const replies = await Promise.all(
      Array.from({ length: 1_000 }, async (_, index) => {
        const path = `/${index % 20}`;
        const method = index % 3 === 0 ? 'POST' : 'GET';
        const role = method === 'POST' ? 'primary' : 'replica';
        const body = method === 'POST' ? { headers: { 'content-type': 'application/json' }, body: '{}' } : {};
        const reply = await site.client.send(method, `${path}?n=${index}`, body);
        return [reply.body, `${method} ${path} ${role} ${role}`];
      }),
    );
    for (const [seen, expected] of replies) expect(seen).toBe(expected);
  });
}
