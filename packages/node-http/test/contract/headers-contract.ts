import { createReadStream } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { onReplicationEvent } from '@node-replicated/core';
import { expect, it } from 'vitest';
import { pinOf } from './http-client.js';
import { type Implementation, write } from './implementation.js';

const pinCookie = expect.stringMatching(/^replication_pin=/);

/** A way in which the headers of a raw response can leave, and the cookies that are to leave with them. */
interface Way {
  send(res: ServerResponse): void;
  readonly cookies: readonly string[];
}

/** Every such way. */
export const ways: Readonly<Record<string, Way>> = {
  'end alone': { send: (res) => res.end('x'), cookies: [] },
  'write, then end': {
    send: (res) => {
      res.write('x');
      res.end();
    },
    cookies: [],
  },
  'flushHeaders, then end': {
    send: (res) => {
      res.flushHeaders();
      res.end('x');
    },
    cookies: [],
  },
  'setHeader with a cookie': {
    send: (res) => {
      res.setHeader('Set-Cookie', 'a=1');
      res.end('x');
    },
    cookies: ['a=1'],
  },
  'appendHeader with two cookies': {
    send: (res) => {
      res.appendHeader('Set-Cookie', 'a=1');
      res.appendHeader('set-cookie', 'b=2');
      res.end('x');
    },
    cookies: ['a=1', 'b=2'],
  },
  'writeHead without headers': { send: (res) => res.writeHead(200).end('x'), cookies: [] },
  'writeHead with a message': { send: (res) => res.writeHead(200, 'Fine').end('x'), cookies: [] },
  'writeHead with other headers, after setHeader': {
    send: (res) => {
      res.setHeader('Set-Cookie', ['a=1', 'b=2']);
      res.writeHead(200, { 'X-Other': 'o' }).end('x');
    },
    cookies: ['a=1', 'b=2'],
  },
  'writeHead with a cookie': {
    send: (res) => res.writeHead(200, { 'Set-Cookie': 'a=1' }).end('x'),
    cookies: ['a=1'],
  },
  'writeHead with a message and several cookies': {
    send: (res) => res.writeHead(200, 'Fine', { 'set-cookie': ['a=1', 'b=2'] }).end('x'),
    cookies: ['a=1', 'b=2'],
  },
  'writeHead with cookies, after setHeader': {
    send: (res) => {
      res.setHeader('Set-Cookie', 'replaced=1');
      res.writeHead(200, { 'Set-Cookie': 'a=1' }).end('x');
    },
    cookies: ['a=1'],
  },
  'writeHead with a flat list': {
    send: (res) => res.writeHead(200, ['Set-Cookie', 'a=1', 'X-Other', 'o', 'set-cookie', 'b=2']).end('x'),
    cookies: ['a=1', 'b=2'],
  },
  'writeHead with a flat list that holds a list': {
    send: (res) => res.writeHead(200, ['Set-Cookie', ['a=1', 'b=2']]).end('x'),
    cookies: ['a=1', 'b=2'],
  },
  'writeHead with a flat list, after setHeader': {
    send: (res) => {
      res.setHeader('Set-Cookie', ['a=1', 'b=2']);
      res.writeHead(200, ['X-Other', 'o']).end('x');
    },
    cookies: ['a=1', 'b=2'],
  },
  'writeHead with a list of pairs': {
    send: (res) => {
      const pairs: unknown = [
        ['Set-Cookie', 'a=1'],
        ['X-Other', 'o'],
        ['Set-Cookie', 'b=2'],
      ];
      res.writeHead(200, pairs as string[]).end('x');
    },
    cookies: ['a=1', 'b=2'],
  },
  'writeHead again, after Node has refused a header': {
    send: (res) => {
      expect(() => res.writeHead(200, { 'X-Bad': undefined })).toThrow();
      res.removeHeader('Set-Cookie');
      res.writeHead(500, { 'Set-Cookie': 'a=1' }).end('x');
    },
    cookies: ['a=1'],
  },
};

/** What happens to headers on their way out. */
export function headersContract({ open, protocol }: Implementation): void {
  it.each(Object.entries(ways))(
    '%s: the pin leaves, once, with the cookies of the application',
    async (_, way) => {
      const raw = async (_req: unknown, res: ServerResponse): Promise<void> => {
        await write();
        await write();
        way.send(res);
      };
      await using site = await open({ raw: { '/': raw } });
      expect((await site.client.send('POST', '/')).cookies).toEqual([...way.cookies, pinCookie]);
    },
  );

  it.each(Object.entries(ways))('%s: a request that only read sets no cookie of ours', async (_, way) => {
    await using site = await open({ raw: { '/': (_req, res) => way.send(res) } });
    expect((await site.client.send('GET', '/')).cookies).toEqual(way.cookies);
  });

  it('a repeated header stays repeated', async () => {
    const raw = async (_req: unknown, res: ServerResponse): Promise<void> => {
      await write();
      res.writeHead(200, ['Link', '<a>', 'Link', '<b>']).end();
    };
    await using site = await open({ raw: { '/': raw } });
    expect((await site.client.send('POST', '/')).headers.link).toBe('<a>, <b>');
  });

  it('informational responses leave without the pin, and the pin with the headers', async () => {
    const raw = async (_req: unknown, res: ServerResponse): Promise<void> => {
      await write();
      res.writeContinue();
      res.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
      if (protocol === 'http/1.1') res.writeProcessing();
      await write();
      res.end('x');
    };
    await using site = await open({ raw: { '/': raw } });
    const late: unknown[] = [];
    const stop = onReplicationEvent('late-write', (event) => late.push(event));
    const reply = await site.client.send('POST', '/');
    stop();
    expect(pinOf(reply)).toBeDefined();
    expect(late).toEqual([]);
    expect(reply.informational.map(({ status }) => status)).toContain(103);
    for (const { headers } of reply.informational) expect(headers['set-cookie']).toBeUndefined();
  });

  it('a first write after the headers have left is reported, and the response goes on', async () => {
    const raw = async (_req: unknown, res: ServerResponse): Promise<void> => {
      res.write('first');
      await write();
      res.end(', then the rest');
    };
    await using site = await open({ raw: { '/late': raw } });
    const late: unknown[] = [];
    const stop = onReplicationEvent('late-write', (event) => late.push(event));
    const reply = await site.client.send('GET', '/late?x=1');
    stop();
    expect(reply.body).toBe('first, then the rest');
    expect(reply.cookies).toEqual([]);
    expect(late).toEqual([{ cluster: 'main', request: 'GET /late' }]);
  });

  it('a write still under way when the headers leave is reported, and pins all the same', async () => {
    const raw = async (_req: unknown, res: ServerResponse): Promise<void> => {
      const writing = write();
      res.end();
      await writing;
    };
    await using site = await open({ raw: { '/': raw } });
    const late: unknown[] = [];
    const stop = onReplicationEvent('late-write', (event) => late.push(event));
    const reply = await site.client.send('POST', '/');
    stop();
    expect(pinOf(reply)).toBeDefined();
    expect(late).toEqual([{ cluster: 'main', request: 'POST /' }]);
  });

  it('a stream that is piped into the response takes the pin along', async () => {
    const raw = async (_req: unknown, res: ServerResponse): Promise<void> => {
      await write();
      await pipeline(createReadStream(fileURLToPath(import.meta.url)), res);
    };
    await using site = await open({ raw: { '/': raw } });
    const reply = await site.client.send('POST', '/');
    expect(pinOf(reply)).toBeDefined();
    expect(reply.body).toContain('a stream that is piped');
  });
}
