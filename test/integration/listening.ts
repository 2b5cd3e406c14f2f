import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** A site that is served on a free port. */
export interface Site extends AsyncDisposable {
  readonly url: string;
}

/** Serves an application of Express, or any other listener. */
export async function listen(app: RequestListener): Promise<Site> {
  const server = createServer(app);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** Serves a server of Fastify, which was made with `forceCloseConnections`. */
export async function listenFastify(server: FastifyInstance): Promise<Site> {
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  return { url, [Symbol.asyncDispose]: async () => server.close() };
}
