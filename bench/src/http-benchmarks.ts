import type { Benchmark } from './benchmark.js';
import type { Framework } from './http-apps.js';
import { HttpLoad } from './http-load.js';
import { HttpProcess } from './http-process.js';
import { noiseOf, type Side } from './slices.js';

const connections = 16;
const path = '/items/42';

/**
 * One application with the library and without. Each side is a process of its own: in one process they would share
 * the heap and the compiler's knowledge of their objects, one collecting the other's garbage, and would both pay
 * for the `AsyncLocalStorage` of the library. Two plain processes are the noise floor. The handler asks no
 * database, so that the library's share is as large as it gets.
 */
function http(framework: Framework): Benchmark {
  return {
    name: framework,
    async run(lab) {
      await using plain = await HttpProcess.start(framework, 'plain');
      await using twin = await HttpProcess.start(framework, 'plain');
      await using storage = await HttpProcess.start(framework, 'storage');
      await using routed = await HttpProcess.start(framework, 'routed');
      for (const server of [plain, twin, storage]) await requireRole(server, 'none');
      await requireRole(routed, 'replica');

      using plainLoad = await HttpLoad.open(plain.port, path, connections);
      using twinLoad = await HttpLoad.open(twin.port, path, connections);
      using storageLoad = await HttpLoad.open(storage.port, path, connections);
      using routedLoad = await HttpLoad.open(routed.port, path, connections);
      const base = httpSide(plain, plainLoad);
      const inContext = httpSide(storage, storageLoad);
      const tried = httpSide(routed, routedLoad);
      await lab.measure(
        { name: framework, base, tried },
        noiseOf(framework, base, httpSide(twin, twinLoad)),
        { name: `${framework}-storage`, base, tried: inContext },
        { name: `${framework}-added`, base: inContext, tried },
      );
    },
  };
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

export const httpBenchmarks: readonly Benchmark[] = [http('express'), http('fastify')];
