import type { Framework, Front } from './http-apps.js';
import { HttpLoad } from './http-load.js';
import { HttpProcess } from './http-process.js';
import type { Side } from './slices.js';

const connections = 16;
const path = '/items/42';

/** The sides of one benchmark of a framework: a process with one application each, and the load on it. */
export class HttpSides implements AsyncDisposable {
  readonly #framework: Framework;
  readonly #servers: HttpProcess[] = [];
  readonly #loads: HttpLoad[] = [];

  constructor(framework: Framework) {
    this.#framework = framework;
  }

  /** Starts an application, and proves that it routes, or does not, as its front says. */
  async open(front: Front): Promise<Side> {
    const server = await HttpProcess.start(this.#framework, front);
    this.#servers.push(server);
    await requireRole(server, front === 'routed' ? 'replica' : 'none');
    const load = await HttpLoad.open(server.port, path, connections);
    this.#loads.push(load);
    return httpSide(server, load);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const load of this.#loads) load[Symbol.dispose]();
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }
}

/** Its CPU time is the server's. */
function httpSide(server: HttpProcess, load: HttpLoad): Side {
  return {
    async slice(ms) {
      const before = await server.cpuUs();
      const served = await load.run(ms);
      const cpuUs = (await server.cpuUs()) - before;
      return { operations: served.responses, ms: served.ms, cpuUs };
    },
  };
}

async function requireRole({ port }: HttpProcess, wanted: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/role`);
  const text = await response.text();
  if (text === JSON.stringify({ role: wanted })) return;
  throw new Error(`The role of a GET request should have been ${wanted}: ${response.status} ${text}`);
}
