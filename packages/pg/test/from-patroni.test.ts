import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fromPatroni, type PatroniOptions } from '../src/from-patroni.js';

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(
    servers.splice(0).map((server) => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    }),
  );
});

const one = { name: 'pg-1', role: 'replica', state: 'streaming', host: '10.0.0.1', port: 5432 };
const cluster = { members: [one, { ...one, name: 'pg-2', role: 'leader', host: '10.0.0.2' }], scope: 'x' };
const nodes = [
  { name: 'pg-2', host: '10.0.0.2', port: 5432 },
  { name: 'pg-1', host: '10.0.0.1', port: 5432 },
];

/** What a Patroni answers, and what it has been asked. */
interface Stub {
  readonly url: string;
  readonly requests: string[];
}

async function serve(handle: RequestListener): Promise<Stub> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    handle(request, response);
  });
  return { url: `http://127.0.0.1:${await listen(server)}`, requests };
}

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A certificate for 127.0.0.1 that nobody but its maker vouches for, and its key. */
function makeCertificate(): { readonly cert: Buffer; readonly key: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'node-replicated-certificate-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  try {
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const name = ['-subj', '/CN=patroni', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    });
    return { cert: readFileSync(cert), key: readFileSync(key) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const answer =
  (value: unknown): RequestListener =>
  (_, response) =>
    response.end(JSON.stringify(value));

function look(urls: string | string[], options: PatroniOptions = {}): Promise<readonly unknown[]> {
  return fromPatroni(urls, options)({ signal: new AbortController().signal });
}

/** Sends without end, until the other side has had enough. */
function flood(response: ServerResponse, chunk: string): void {
  while (!response.destroyed && response.write(chunk));
  response.once('drain', () => flood(response, chunk));
}

describe('the members of a Patroni cluster', () => {
  it('are nodes, the leader first', async () => {
    const { url, requests } = await serve(answer(cluster));
    expect(await look(url)).toEqual(nodes);
    expect(requests).toEqual(['/cluster']);
  });

  it('are asked for below the path of the address', async () => {
    const { url, requests } = await serve(answer(cluster));
    await look(`${url}/patroni`);
    expect(requests).toEqual(['/patroni/cluster']);
  });

  it('are asked for with the headers that are given', async () => {
    const { url } = await serve(({ headers }, response) => {
      response.statusCode = headers.authorization === 'Bearer x' ? 200 : 401;
      response.end(JSON.stringify(cluster));
    });
    expect(await look(url, { headers: { authorization: 'Bearer x' } })).toEqual(nodes);
    await expect(look(url)).rejects.toThrow('HTTP status 401');
  });

  it('may have more settings, by their tags', async () => {
    const { url } = await serve(answer({ members: [{ ...one, tags: { datacenter: 'b' } }] }));
    const node = ({ tags }: { tags: Readonly<Record<string, unknown>> }) => ({
      application_name: `in ${tags.datacenter}`,
    });
    expect(await look(url, { node })).toMatchObject([{ name: 'pg-1', application_name: 'in b' }]);
  });

  it('that are not to be balanced to are left out, unless they lead', async () => {
    const tags = { noloadbalance: true };
    const { url } = await serve(answer({ members: cluster.members.map((member) => ({ ...member, tags })) }));
    expect(await look(url)).toEqual(nodes.slice(0, 1));
  });
});

describe('a Patroni that gives nothing good is passed over for the next one', () => {
  it.each<[string, string, RequestListener]>([
    ['that is silent', 'no answer within 1000 ms', () => undefined],
    [
      'that begins an answer and never ends it',
      'no answer within 1000 ms',
      (_, response) => response.write('{"members": ['),
    ],
    ['that never stops', 'more than 262144 bytes', (_, response) => flood(response, 'x'.repeat(16_384))],
    ['that hangs up', 'socket hang up', (request) => request.socket.destroy()],
    [
      'that hangs up in the middle',
      'aborted',
      (request, response) => {
        response.write('{', () => request.socket.destroy());
      },
    ],
    ['that has an error', 'HTTP status 503', (_, response) => response.writeHead(503).end('{}')],
    [
      'that sends elsewhere',
      'HTTP status 302',
      (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    ],
    ['that says no JSON', 'its answer is not JSON', (_, response) => response.end('hunter2')],
    ['that says nothing', 'its answer is not JSON', (_, response) => response.end()],
    ['that says something else', 'its answer is not that of a Patroni', answer({ role: 'leader' })],
    ['that knows nobody', 'it names no member that could serve', answer({ members: [] })],
    ['that speaks no HTTP', 'Parse Error', (request) => request.socket.end('\u0000\u0001 hello')],
  ])('one %s', async (_, reason, handle) => {
    const bad = await serve(handle);
    const good = await serve(answer(cluster));
    expect(await look([bad.url, good.url], { timeoutMs: 1_000 })).toEqual(nodes);
    const error = await look(bad.url, { timeoutMs: 1_000 }).catch((failed: Error) => failed);
    expect(error).toMatchObject({ code: 'ERR_DISCOVERY', message: expect.stringContaining(reason) });
    expect(String(error)).not.toContain('hunter2');
  });

  it('one that is not there', async () => {
    const good = await serve(answer(cluster));
    expect(await look(['http://127.0.0.1:1', good.url])).toEqual(nodes);
  });
});

describe('several Patronis', () => {
  it('are asked beginning with the one that answered last', async () => {
    const bad = await serve((_, response) => response.writeHead(503).end());
    const good = await serve(answer(cluster));
    const discover = fromPatroni([bad.url, good.url]);
    for (let times = 0; times < 3; times += 1) await discover({ signal: new AbortController().signal });
    expect([bad.requests.length, good.requests.length]).toEqual([1, 3]);
  });

  it('that all fail are all named, without their passwords', async () => {
    const bad = await serve((_, response) => response.writeHead(503).end());
    const { host } = new URL(bad.url);
    await expect(look([`http://ada:hunter2@${host}`, 'http://ada:hunter2@127.0.0.1:1'])).rejects.toThrow(
      `No Patroni has told the nodes (${host}: HTTP status 503; 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1).`,
    );
  });

  it('are not asked on when the look is given up', async () => {
    const abort = new AbortController();
    const silent = await serve(() => abort.abort(new Error('given up')));
    const next = await serve(answer(cluster));
    await expect(fromPatroni([silent.url, next.url])({ signal: abort.signal })).rejects.toThrow('given up');
    expect(next.requests).toEqual([]);
  });

  it('keep no connection', async () => {
    const { url } = await serve(answer(cluster));
    await look(url);
    await expect.poll(() => connections(servers.at(-1))).toBe(0);
  });
});

function connections(server: Server | undefined): Promise<number> {
  return new Promise((resolve) => server?.getConnections((_, open) => resolve(open)));
}

it('a Patroni with a certificate is asked if the certificate can be trusted', async () => {
  const certificate = makeCertificate();
  const url = `https://127.0.0.1:${await listen(createHttpsServer(certificate, answer(cluster)))}`;
  expect(await look(url, { tls: { ca: certificate.cert } })).toEqual(nodes);
  await expect(look(url)).rejects.toThrow('self-signed certificate');
});

describe('what cannot be is ERR_OPTION', () => {
  it.each<[string, unknown, PatroniOptions]>([
    ['no address', [], {}],
    ['no list', undefined, {}],
    ['an address without a scheme', 'pg-1:8008', {}],
    ['an address of another kind', 'postgresql://pg-1', {}],
    ['a time that is none', 'http://pg-1:8008', { timeoutMs: 0 }],
  ])('%s', (_, urls, options) => {
    expect(() => fromPatroni(urls as never, options)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION' }),
    );
  });
});
