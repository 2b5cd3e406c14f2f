import type { AppOrder, Framework, Front } from './http-apps.js';
import type { ItemServers } from './http-items.js';
import { HttpLoad } from './http-load.js';
import { HttpProcess } from './http-process.js';
import type { Side } from './slices.js';

const connections = 16;
const path = '/items/42';

/** The sides of one benchmark of a framework: a process with one application each, and the load on it. */
export class HttpSides implements AsyncDisposable {
  readonly #framework: Framework;
  readonly #items: ItemServers | undefined;
  readonly #servers: HttpProcess[] = [];
  readonly #loads: HttpLoad[] = [];

  /** @param items where each request looks up its item; undefined: no database is asked */
  constructor(framework: Framework, items?: ItemServers) {
    this.#framework = framework;
    this.#items = items;
  }

  /** Starts an application, and proves that it routes, or does not, as its front says, and asks the right server. */
  async open(front: Front): Promise<Side> {
    const order: AppOrder = { framework: this.#framework, front, servers: this.#items };
    const server = await HttpProcess.start(order);
    this.#servers.push(server);
    await requireAnswer(server, '/role', { role: front === 'routed' ? 'replica' : 'none' });
    const check = (): Promise<void> => requireServer(server, this.#items);
    await check();
    const load = await HttpLoad.open(server.port, path, connections);
    this.#loads.push(load);
    return httpSide(server, load, check);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const load of this.#loads) load[Symbol.dispose]();
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }
}

/**
 * Its CPU time is the server's.
 *
 * @param check called after each slice, outside its time: throws when something is wrong
 */
function httpSide(server: HttpProcess, load: HttpLoad, check: () => Promise<void>): Side {
  return {
    async slice(ms) {
      const before = await server.cpuUs();
      const served = await load.run(ms);
      const cpuUs = (await server.cpuUs()) - before;
      await check();
      return { operations: served.responses, ms: served.ms, cpuUs };
    },
  };
}

/** Proves that the items still come from where they should. */
async function requireServer(server: HttpProcess, items: ItemServers | undefined): Promise<void> {
  if (items !== undefined) await requireAnswer(server, '/port', { port: items.replica.port });
}

async function requireAnswer({ port }: HttpProcess, path: string, wanted: object): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  const text = await response.text();
  if (text === JSON.stringify(wanted)) return;
  throw new Error(`GET ${path} should have answered ${JSON.stringify(wanted)}: ${response.status} ${text}`);
}
