import type { Server } from 'node:http';
import { http1Client } from './http-client.js';
import { listen, type Site } from './implementation.js';

/** A server of `node:http` behind a client. */
export async function httpSite(server: Server): Promise<Site> {
  const port = await listen(server);
  const client = http1Client(port);
  return {
    client,
    port,
    async [Symbol.asyncDispose]() {
      await client.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
