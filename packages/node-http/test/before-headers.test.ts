import { createServer, type ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { type AddedHeader, beforeHeaders } from '../src/before-headers.js';
import { http1Client, type Reply } from './contract/http-client.js';
import { listen } from './contract/implementation.js';

const cookie = (value: string): readonly AddedHeader[] => [{ name: 'Set-Cookie', value, place: 'beside' }];

async function replyOf(serve: (res: ServerResponse) => void): Promise<Reply> {
  const server = createServer((_req, res) => serve(res));
  const client = http1Client(await listen(server));
  try {
    return await client.send('GET', '/');
  } finally {
    await client.close();
    await new Promise((resolve) => server.close(resolve));
  }
}

it('acts once, although Node refuses the first headers', async () => {
  let acts = 0;
  const reply = await replyOf((res) => {
    beforeHeaders(res, () => {
      acts += 1;
      return cookie(`act=${acts}`);
    });
    expect(() => res.writeHead(99)).toThrow(RangeError);
    res.writeHead(500, { 'X-Other': 'o' }).end();
  });
  expect([reply.status, reply.cookies, acts]).toEqual([500, ['act=1'], 1]);
});

it('acts when the headers leave, not before', async () => {
  const order: string[] = [];
  await replyOf((res) => {
    beforeHeaders(res, () => {
      order.push('act');
      return [];
    });
    order.push('set');
    res.setHeader('X-Other', 'o');
    order.push('end');
    res.end();
    order.push('sent');
  });
  expect(order).toEqual(['set', 'end', 'act', 'sent']);
});

it('leaves the headers as they are when there is nothing to add', async () => {
  const { headers, cookies } = await replyOf((res) => {
    beforeHeaders(res, () => []);
    res.writeHead(200, 'Fine', ['Set-Cookie', 'a=1', 'X-Other', 'o']).end();
  });
  expect([cookies, headers['x-other']]).toEqual([['a=1'], 'o']);
});

it('serves two who act on the same response', async () => {
  const { cookies } = await replyOf((res) => {
    beforeHeaders(res, () => cookie('first=1'));
    beforeHeaders(res, () => cookie('second=2'));
    res.writeHead(200, { 'set-cookie': 'a=1' }).end();
  });
  expect(cookies).toEqual(['a=1', 'second=2', 'first=1']);
});

it('finds the headers behind a message that is left out', async () => {
  const { headers, cookies } = await replyOf((res) => {
    beforeHeaders(res, () => cookie('a=1'));
    res.writeHead(200, undefined, { 'X-Other': 'o' }).end();
  });
  expect([cookies, headers['x-other']]).toEqual([['a=1'], 'o']);
});
