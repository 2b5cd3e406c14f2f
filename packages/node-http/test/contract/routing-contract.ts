import { onReplicationEvent, usePrimary, useReplica } from '@node-replicated/core';
import { expect, it } from 'vitest';
import { pinOf } from './http-client.js';
import { type Handler, type Implementation, secret, where, whose, write } from './implementation.js';

const tell: Handler = () => ({ headers: { 'x-where': where(), 'x-whose': String(whose()) } });
const fail = (): never => {
  throw new Error('thrown inside');
};
const save: Handler = async () => {
  await write();
  return { status: 201 };
};

/** Where the statements of a request go. */
export function routingContract({ open }: Implementation): void {
  it.each([
    ['GET', 'replica/method'],
    ['HEAD', 'replica/method'],
    ['POST', 'primary/method'],
    ['PUT', 'primary/method'],
    ['PATCH', 'primary/method'],
    ['DELETE', 'primary/method'],
  ])('a %s runs in %s', async (method, expected) => {
    await using site = await open({ handlers: { '/tell': tell } });
    const { headers } = await site.client.send(method, '/tell?page=2');
    expect(headers['x-where']).toBe(expected);
    expect(headers['x-whose']).toBe(`${method} /tell`);
  });

  it('a client that has written reads from the primary, and one that has not from a replica', async () => {
    await using site = await open({ handlers: { '/tell': tell, '/save': save } });
    const pin = pinOf(await site.client.send('POST', '/save')) ?? '';
    const pinned = await site.client.send('GET', '/tell', { headers: { cookie: `theme=dark; ${pin}` } });
    expect(pinned.headers['x-where']).toBe('primary/pin');
    expect(pinned.cookies).toEqual([]);
    const other = await site.client.send('GET', '/tell', { headers: { cookie: 'theme=dark' } });
    expect(other.headers['x-where']).toBe('replica/method');
  });

  it('a cookie that nobody here has signed changes nothing, and is reported', async () => {
    await using site = await open({ handlers: { '/tell': tell, '/save': save } });
    const pin = pinOf(await site.client.send('POST', '/save')) ?? '';
    const faults: string[] = [];
    const stop = onReplicationEvent('pin-ignored', ({ fault }) => faults.push(fault));
    const last = pin.at(-2) === 'A' ? 'B' : 'A';
    const cookie = pin.slice(0, -2) + last + pin.at(-1);
    const { headers } = await site.client.send('GET', '/tell', { headers: { cookie } });
    stop();
    expect(headers['x-where']).toBe('replica/method');
    expect(faults).toEqual(['signature']);
  });

  it('overrides send a reading route to the primary, and a writing one to a replica', async () => {
    await using site = await open(
      { handlers: { '/account': tell, '/search': tell } },
      { secret, overrides: { 'GET /account': 'master', '/search': { role: 'slave' } } },
    );
    expect((await site.client.send('GET', '/account?a=1')).headers['x-where']).toBe('primary/override');
    expect((await site.client.send('POST', '/account')).headers['x-where']).toBe('primary/method');
    expect((await site.client.send('POST', '/search')).headers['x-where']).toBe('replica/override');
  });

  it('usePrimary() and useReplica() hold inside, and the request goes on as before', async () => {
    const seen: string[] = [];
    const switching: Handler = async ({ replication }) => {
      await usePrimary(async () => {
        await null;
        seen.push(where(), `${replication.role}/${replication.reason}`);
      });
      expect(() => usePrimary(fail)).toThrow();
      useReplica(() => seen.push(where()));
      seen.push(where());
      return {};
    };
    await using site = await open({ handlers: { '/': switching } });
    await site.client.send('GET', '/');
    expect(seen).toEqual(['primary/forced', 'primary/forced', 'replica/forced', 'replica/method']);
  });

  it('a request that writes reads what it has written from then on, whatever its method', async () => {
    const seen: unknown[] = [];
    const counting: Handler = async ({ replication }) => {
      seen.push(where(), replication.wrote);
      await write();
      seen.push(where(), replication.wrote);
      return {};
    };
    await using site = await open({ handlers: { '/visit': counting } });
    const reply = await site.client.send('GET', '/visit');
    expect(seen).toEqual(['replica/method', false, 'primary/own-write', true]);
    expect(pinOf(reply)).toBeDefined();
  });
}
