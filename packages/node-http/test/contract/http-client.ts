import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { type ClientHttp2Session, connect, constants } from 'node:http2';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The `Set-Cookie` values. */
  readonly cookies: readonly string[];
  readonly body: string;
  /** The informational (1xx) responses that came first, with their headers. */
  readonly informational: readonly { readonly status: number; readonly headers: IncomingHttpHeaders }[];
}

export interface Message {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Called when the headers of the response have come. */
  readonly onHead?: () => void;
  /** Breaks the connection off. */
  readonly signal?: AbortSignal;
}

/** Sends requests over connections that are kept alive. */
export interface Client {
  send(method: string, path: string, message?: Message): Promise<Reply>;
  close(): Promise<void>;
}

export function http1Client(port: number, maxSockets = 32): Client {
  const agent = new Agent({ keepAlive: true, maxSockets });
  return {
    send: (method, path, { headers = {}, body, onHead, signal } = {}) =>
      new Promise((resolve, reject) => {
        const informational: Reply['informational'][number][] = [];
        const req = request({
          host: '127.0.0.1',
          port,
          agent,
          method,
          path,
          headers,
          ...(signal && { signal }),
        });
        req.on('information', ({ statusCode, headers }) =>
          informational.push({ status: statusCode, headers }),
        );
        req.on('error', reject);
        req.on('response', (res) => {
          onHead?.();
          const chunks: Buffer[] = [];
          res.on('data', (chunk: Buffer) => chunks.push(chunk));
          res.on('error', reject);
          res.on('end', () => {
            resolve({
              status: res.statusCode ?? 0,
              headers: res.headers,
              cookies: res.headers['set-cookie'] ?? [],
              body: Buffer.concat(chunks).toString(),
              informational,
            });
          });
        });
        req.end(body);
      }),
    close: async () => agent.destroy(),
  };
}

export function http2Client(port: number): Client {
  let session: ClientHttp2Session | undefined;
  const open = (): ClientHttp2Session => {
    if (session === undefined || session.destroyed) session = connect(`http://127.0.0.1:${port}`);
    return session;
  };
  return {
    send: (method, path, { headers = {}, body, onHead, signal } = {}) =>
      new Promise((resolve, reject) => {
        const informational: Reply['informational'][number][] = [];
        const stream = open().request(
          { ...headers, ':method': method, ':path': path },
          { endStream: body === undefined },
        );
        signal?.addEventListener('abort', () => {
          stream.close(constants.NGHTTP2_CANCEL);
          reject(new Error('aborted'));
        });
        const chunks: Buffer[] = [];
        let head: IncomingHttpHeaders & { ':status'?: number | undefined } = {};
        stream.on('headers', (given) =>
          informational.push({ status: given[':status'] ?? 0, headers: given }),
        );
        stream.on('response', (given) => {
          head = given;
          onHead?.();
        });
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('error', reject);
        stream.on('end', () => {
          resolve({
            status: head[':status'] ?? 0,
            headers: head,
            cookies: head['set-cookie'] ?? [],
            body: Buffer.concat(chunks).toString(),
            informational,
          });
        });
        if (body !== undefined) stream.end(body);
      }),
    close: async () => session?.destroy(),
  };
}

/** The cookie that a client would send back; undefined when the reply does not pin. */
export function pinOf({ cookies }: Reply): string | undefined {
  return cookies.find((cookie) => cookie.startsWith('replication_pin='))?.split(';')[0];
}
