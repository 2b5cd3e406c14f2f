import { registerCluster } from '@node-replicated/core/adapter';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Handler, type Implementation, secret, where } from './implementation.js';

const options = {
  secret,
  refuseWritesWhenReadOnly: true,
  overrides: { '/search': 'replica', '/account': 'primary' },
} as const;

/** What an application answers while nothing can be written, where it is set to refuse what would write. */
export function readOnlyContract({ open }: Implementation): void {
  const cluster = {
    name: 'main',
    readOnly: true,
    sought: 0,
    seekPrimary() {
      this.sought += 1;
    },
  };
  let forget: () => void;
  beforeEach(() => {
    cluster.readOnly = true;
    cluster.sought = 0;
    forget = registerCluster(cluster);
  });
  afterEach(() => forget());

  let handled: string[] = [];
  beforeEach(() => {
    handled = [];
  });
  const handler: Handler = ({ replication }) => {
    handled.push(`${where()} ${replication.readOnly}`);
    return {};
  };
  const app = { handlers: { '/page': handler, '/search': handler, '/account': handler } };

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
    'a %s is refused before its handler, with a problem',
    async (method) => {
      await using site = await open(app, options);
      const { status, headers, body, cookies } = await site.client.send(method, '/page');
      expect(status).toBe(503);
      expect(headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(headers['retry-after']).toBe('1');
      expect(headers['cache-control']).toBe('no-store');
      expect(JSON.parse(body)).toEqual({
        type: 'about:blank',
        title: 'Service Unavailable',
        status: 503,
        detail: expect.any(String),
      });
      expect(cookies).toEqual([]);
      expect(handled).toEqual([]);
    },
  );

  it('requests that read are served', async () => {
    await using site = await open(app, options);
    for (const [method, path] of [
      ['GET', '/page'],
      ['HEAD', '/page'],
      ['GET', '/account'],
      ['POST', '/search'],
    ] as const) {
      expect((await site.client.send(method, path)).status).toBe(200);
    }
    expect(handled).toEqual([
      'replica/method true',
      'replica/method true',
      'primary/override true',
      'replica/override true',
    ]);
  });

  it('the question whether a page may write is no write', async () => {
    await using site = await open(app, options);
    expect((await site.client.send('OPTIONS', '/page')).status).not.toBe(503);
  });

  it('writes are served again once there is a primary', async () => {
    await using site = await open(app, options);
    expect((await site.client.send('POST', '/page')).status).toBe(503);
    expect(cluster.sought).toBe(1);
    cluster.readOnly = false;
    expect((await site.client.send('POST', '/page')).status).toBe(200);
  });

  it('nothing is refused unless the settings say so', async () => {
    await using site = await open(app);
    expect((await site.client.send('POST', '/page')).status).toBe(200);
  });

  it('a refused request leaves its connection to the next one, however long its body', async () => {
    await using site = await open(app, options);
    const body = JSON.stringify('x'.repeat(80_000));
    const headers = { 'content-type': 'application/json', 'content-length': String(body.length) };
    for (let turn = 0; turn < 5; turn += 1) {
      expect((await site.client.send('POST', '/page', { headers, body })).status).toBe(503);
      expect((await site.client.send('GET', '/page')).status).toBe(200);
    }
  });
}
