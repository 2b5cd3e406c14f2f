import type { Benchmark } from './benchmark.js';
import type { Framework } from './http-apps.js';
import { HttpSides } from './http-sides.js';

/**
 * One application with the library and without. Each side is a process of its own: in one process they would share
 * the heap and the compiler's knowledge of their objects, one collecting the other's garbage, and would both pay
 * for the `AsyncLocalStorage` of the library. The handler asks no database, so that the library's share is as
 * large as it gets.
 */
function http(framework: Framework): Benchmark {
  return {
    name: framework,
    async run(lab) {
      await using sides = new HttpSides(framework);
      await lab.measure(
        { name: framework, base: await sides.open('plain'), tried: await sides.open('routed') },
        { name: `${framework}-noise`, base: await sides.open('plain'), tried: await sides.open('plain') },
        { name: `${framework}-storage`, base: await sides.open('plain'), tried: await sides.open('storage') },
        { name: `${framework}-added`, base: await sides.open('storage'), tried: await sides.open('routed') },
      );
    },
  };
}

export const httpBenchmarks: readonly Benchmark[] = [http('express'), http('fastify')];
