import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, get, type RequestOptions } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { currentScope } from '@node-replicated/core/adapter';
import { type ReplicationHandler, replicationHandler } from '@node-replicated/node-http';
import { describe, expect, it } from 'vitest';
import { http1Client, pinOf } from './contract/http-client.js';
import { listen, secret, where, whose, write } from './contract/implementation.js';
import { nodeHttp } from './node-servers.js';

/** Stands in for the pre-shared key of a TLS connection, so that no certificate is needed. */
const psk = Buffer.alloc(16, 7);

async function withServer(
  serve: (req: IncomingMessage, res: ServerResponse) => void,
  use: (client: ReturnType<typeof http1Client>) => Promise<void>,
): Promise<void> {
  const server = createServer(serve);
  const client = http1Client(await listen(server), 1);
  try {
    await use(client);
  } finally {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('the handler', () => {
  it('refuses bad options when it is made', () => {
    expect(() => replicationHandler({ secret: 'short' })).toThrow(
      expect.objectContaining({ code: 'ERR_SECRET' }),
    );
    expect(() => replicationHandler({ overrides: { '/x': 'somewhere' as 'primary' } })).toThrow(
      expect.objectContaining({ code: 'ERR_ROLE' }),
    );
  });

  it('keeps the first scope when it is mounted twice', async () => {
    const outer = replicationHandler({ secret, overrides: { '/': 'primary' } });
    const inner = replicationHandler({ secret });
    const mounted: ReplicationHandler = (req, res, next) => outer(req, res, () => inner(req, res, next));
    await withServer(
      (req, res) => {
        mounted(req, res, async () => {
          await write();
          res.end(where());
        });
      },
      async (client) => {
        const reply = await client.send('GET', '/');
        expect(reply.body).toBe('primary/override');
        expect(reply.cookies).toHaveLength(1);
      },
    );
  });

  it('leaves writeHead alone until a request writes', async () => {
    const own: unknown[] = [];
    await using site = await nodeHttp.open({
      raw: {
        '/': async (_req, res) => {
          own.push(Object.hasOwn(res, 'writeHead'));
          await write();
          own.push(Object.hasOwn(res, 'writeHead'));
          res.end();
        },
      },
    });
    await site.client.send('GET', '/');
    expect(own).toEqual([false, true]);
  });

  it('leaves no scope to other requests of the same connection that do not pass it', async () => {
    const replicate = replicationHandler({ secret });
    await withServer(
      (req, res) => {
        if (req.url === '/bare') res.end(String(currentScope()));
        else replicate(req, res, () => req.resume().on('end', () => res.end(whose())));
      },
      async (client) => {
        for (let time = 0; time < 3; time += 1) {
          expect((await client.send('POST', '/mine', { body: 'x' })).body).toBe('POST /mine');
          expect((await client.send('POST', '/bare', { body: 'x' })).body).toBe('undefined');
        }
      },
    );
  });

  it('pins for HTTPS alone where the request came over HTTPS', async () => {
    const replicate = replicationHandler({ secret });
    const server = createTlsServer({ pskCallback: () => psk, ciphers: 'PSK', maxVersion: 'TLSv1.2' });
    server.on('request', (req, res) => {
      replicate(req, res, async () => {
        await write();
        res.end();
      });
    });
    const port = await listen(server);
    const cookies = await new Promise((resolve, reject) => {
      const options: RequestOptions & ConnectionOptions = {
        host: '127.0.0.1',
        port,
        agent: false,
        ciphers: 'PSK',
        pskCallback: () => ({ identity: 'test', psk }),
        checkServerIdentity: () => undefined,
      };
      const request = get(options);
      request.on('error', reject);
      request.on('response', (res) => resolve(res.resume().headers['set-cookie']));
    });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(cookies).toEqual([expect.stringMatching(/^replication_pin=.*; Secure(;|$)/)]);
  });

  it('goes on when the framework before it has changed the path', async () => {
    const replicate = replicationHandler({ secret, overrides: { '/api/items': 'primary' } });
    await withServer(
      (req, res) => {
        Object.assign(req, { originalUrl: req.url, url: '/items' });
        replicate(req, res, () => res.end(where()));
      },
      async (client) => {
        const reply = await client.send('GET', '/api/items?x=1');
        expect(reply.body).toBe('primary/override');
        expect(pinOf(reply)).toBeUndefined();
      },
    );
  });
});
