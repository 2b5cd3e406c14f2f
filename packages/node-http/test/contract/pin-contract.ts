import { defineReplication } from '@node-replicated/core';
import { afterEach, expect, it, vi } from 'vitest';
import { pinOf } from './http-client.js';
import { type Handler, type Implementation, secret, where, write } from './implementation.js';

const tell: Handler = () => ({ headers: { 'x-where': where() } });

function saving(status: number): Handler {
  return async () => {
    await write();
    return { status, ...(status === 302 && { headers: { location: '/' } }) };
  };
}

/** Which responses carry a pin, and what its cookie looks like. */
export function pinContract({ open }: Implementation): void {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('the cookie is out of reach of scripts and other sites, and lives as long as a pin counts', async () => {
    await using site = await open(
      { handlers: { '/save': saving(200) } },
      { secret, pin: { maxAgeMs: 60_000 } },
    );
    const { cookies } = await site.client.send('POST', '/save');
    expect(cookies).toHaveLength(1);
    const [value, ...attributes] = (cookies[0] ?? '').split('; ');
    expect(value).toMatch(/^replication_pin=1\.[\w.:~!-]+$/);
    expect(attributes.sort()).toEqual(['HttpOnly', 'Max-Age=60', 'Path=/', 'SameSite=Lax']);
  });

  it('the cookie travels over HTTPS alone in production', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    const config = defineReplication({ secret });
    vi.unstubAllEnvs();
    await using site = await open({ handlers: { '/save': saving(200) } }, config);
    const { cookies } = await site.client.send('POST', '/save');
    expect(cookies[0]).toMatch(/; Secure(;|$)/);
  });

  it.each([200, 201, 204, 302, 304, 404, 500])(
    'a POST that wrote pins, also with status %i',
    async (status) => {
      await using site = await open({ handlers: { '/save': saving(status) } });
      const reply = await site.client.send('POST', '/save');
      expect(reply.status).toBe(status);
      expect(pinOf(reply)).toBeDefined();
    },
  );

  it('a POST that wrote nothing does not pin', async () => {
    await using site = await open({ handlers: { '/tell': tell } });
    const reply = await site.client.send('POST', '/tell');
    expect(reply.headers['x-where']).toBe('primary/method');
    expect(reply.cookies).toEqual([]);
  });

  it('a handler that fails after it wrote pins, and leaves nothing behind', async () => {
    const failing: Handler = async () => {
      await write();
      throw new Error('the handler fails');
    };
    await using site = await open({ handlers: { '/fail': failing, '/tell': tell } });
    const reply = await site.client.send('POST', '/fail');
    expect(reply.status).toBe(500);
    expect(pinOf(reply)).toBeDefined();
    expect((await site.client.send('GET', '/tell')).headers['x-where']).toBe('replica/method');
  });

  it('a pin outlives the answers to other tabs', async () => {
    await using site = await open({ handlers: { '/save': saving(201), '/tell': tell } });
    const cookie = pinOf(await site.client.send('POST', '/save')) ?? '';
    const tabs = await Promise.all(
      [1, 2, 3].map((tab) => site.client.send('GET', `/tell?tab=${tab}`, { headers: { cookie } })),
    );
    const later = await site.client.send('GET', '/tell', { headers: { cookie } });
    for (const { headers, cookies } of [...tabs, later]) {
      expect(headers['x-where']).toBe('primary/pin');
      expect(cookies).toEqual([]);
    }
  });

  it('no cookie is set where pins are off', async () => {
    await using site = await open({ handlers: { '/save': saving(200) } }, { secret, pin: false });
    expect((await site.client.send('POST', '/save')).cookies).toEqual([]);
  });

  it("the application's cookies stay, be they one or several", async () => {
    const kept = ['a=1', 'b=2'];
    const handler = (cookies: string | string[]): Handler => {
      return async () => {
        await write();
        return { headers: { 'set-cookie': cookies } };
      };
    };
    await using site = await open({ handlers: { '/one': handler('a=1'), '/two': handler(kept) } });
    const one = await site.client.send('POST', '/one');
    expect(one.cookies).toEqual(['a=1', expect.stringMatching(/^replication_pin=/)]);
    for (let time = 0; time < 2; time += 1) {
      const two = await site.client.send('POST', '/two');
      expect(two.cookies).toEqual(['a=1', 'b=2', expect.stringMatching(/^replication_pin=/)]);
    }
    expect(kept, 'a list that belongs to the application').toEqual(['a=1', 'b=2']);
  });
}
