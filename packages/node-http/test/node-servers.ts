import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2Session } from 'node:http2';
import { text } from 'node:stream/consumers';
import type { RequestReplication } from '@node-replicated/core/adapter';
import { replicationHandler } from '@node-replicated/node-http';
import { http2Client } from './contract/http-client.js';
import { httpSite } from './contract/http-site.js';
import { type App, type Handler, type Implementation, listen, secret } from './contract/implementation.js';

type Request = IncomingMessage & { replication: RequestReplication };

/** Serves an application without any framework. */
function listener(app: App): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    const path = new URL(req.url ?? '/', 'http://localhost').pathname;
    const handler = app.handlers?.[path];
    if (handler === undefined) void app.raw?.[path]?.(req, res);
    else void answer(handler, req as Request, res);
  };
}

async function answer(handler: Handler, req: Request, res: ServerResponse): Promise<void> {
  try {
    const given = await text(req);
    const form = req.headers['content-type'] === 'application/x-www-form-urlencoded';
    const parsed = form ? Object.fromEntries(new URLSearchParams(given)) : JSON.parse(given || 'null');
    const {
      status = 200,
      headers = {},
      body,
    } = await handler({ body: parsed, replication: req.replication });
    res.statusCode = status;
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
    res.end(body);
  } catch {
    res.statusCode = 500;
    res.end();
  }
}

/** `node:http`. */
export const nodeHttp: Implementation = {
  name: 'node:http',
  protocol: 'http/1.1',
  async open(app, options = { secret }) {
    const replicate = replicationHandler(options);
    const serve = listener(app);
    return httpSite(createServer((req, res) => replicate(req, res, () => serve(req, res))));
  },
};

/** The compatibility API of `node:http2`, in clear text. */
export const nodeHttp2: Implementation = {
  name: 'node:http2',
  protocol: 'h2',
  async open(app, options = { secret }) {
    const replicate = replicationHandler(options);
    const serve = listener(app);
    const server = createHttp2Server((req, res) => {
      replicate(req, res, () => serve(req as unknown as IncomingMessage, res as unknown as ServerResponse));
    });
    const sessions = new Set<Http2Session>();
    server.on('session', (session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session));
    });
    const port = await listen(server);
    const client = http2Client(port);
    return {
      client,
      port,
      async [Symbol.asyncDispose]() {
        await client.close();
        for (const session of sessions) session.destroy();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  },
};
