import { currentScope } from '@node-replicated/core/adapter';
import { expect, it } from 'vitest';
import { pinOf } from './http-client.js';
import { type Handler, type Implementation, type RawHandler, secret, write } from './implementation.js';

/** Stands in for statements that two nodes have served. */
function use(): void {
  const session = currentScope()?.session;
  session?.noteUse('db-2:5432', 'replica', 'method');
  session?.noteUse('db-1:5432', 'primary', 'write');
}

const shown = [
  'replication;desc="replica, method, db-2:5432"',
  'replication;desc="primary, write, db-1:5432"',
].join(', ');

/** What a response says of the nodes that have served its request. */
export function timingContract({ open }: Implementation): void {
  const options = { secret, serverTiming: true };
  const read: Handler = () => {
    use();
    return { body: 'x' };
  };

  it('the nodes are shown where that is switched on, and nowhere else', async () => {
    await using on = await open({ handlers: { '/': read } }, options);
    expect((await on.client.send('GET', '/')).headers['server-timing']).toBe(shown);
    await using off = await open({ handlers: { '/': read } });
    expect((await off.client.send('GET', '/')).headers).not.toHaveProperty('server-timing');
  });

  it('a response for which no node was needed says nothing', async () => {
    await using site = await open({ handlers: { '/': () => ({ body: 'x' }) } }, options);
    expect((await site.client.send('GET', '/')).headers).not.toHaveProperty('server-timing');
  });

  it("the nodes stand beside the application's own timings, and the pin", async () => {
    const handler: Handler = async () => {
      use();
      await write();
      return { headers: { 'server-timing': 'render;dur=5' }, body: 'x' };
    };
    await using site = await open({ handlers: { '/': handler } }, options);
    const reply = await site.client.send('POST', '/');
    expect(reply.headers['server-timing']).toBe(`render;dur=5, ${shown}`);
    expect(pinOf(reply)).toBeDefined();
  });

  it('the nodes are shown in a response that is written past the framework', async () => {
    const raw: RawHandler = async (_req, res) => {
      use();
      await write();
      res.writeHead(200, { 'X-Other': 'o' }).end('x');
    };
    await using site = await open({ raw: { '/': raw } }, options);
    const { headers } = await site.client.send('POST', '/');
    expect([headers['server-timing'], headers['x-other']]).toEqual([shown, 'o']);
  });
}
