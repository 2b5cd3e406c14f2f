import type { Benchmark, OpenPairings } from './benchmark.js';
import type { Framework, Front } from './http-apps.js';
import { HttpSides } from './http-sides.js';
import type { Pairing } from './slices.js';

/**
 * One application with the library and without. Each side is a process of its own: in one process they would share
 * the heap and the compiler's knowledge of their objects, one collecting the other's garbage, and would both pay
 * for the `AsyncLocalStorage` of the library. The handler asks no database, so that the library's share is as
 * large as it gets.
 */
function http(framework: Framework): Benchmark {
  return {
    name: framework,
    run: (lab) => lab.measureAfresh(() => openPairings(framework)),
  };
}

async function openPairings(framework: Framework): Promise<OpenPairings> {
  const sides = new HttpSides(framework);
  const pairing = async (name: string, base: Front, tried: Front): Promise<Pairing> => ({
    name,
    base: await sides.open(base),
    tried: await sides.open(tried),
  });
  try {
    const pairings = [
      await pairing(framework, 'plain', 'routed'),
      await pairing(`${framework}-noise`, 'plain', 'plain'),
      await pairing(`${framework}-storage`, 'plain', 'storage'),
      await pairing(`${framework}-added`, 'storage', 'routed'),
    ];
    return { pairings, [Symbol.asyncDispose]: () => sides[Symbol.asyncDispose]() };
  } catch (error) {
    await sides[Symbol.asyncDispose]();
    throw error;
  }
}

export const httpBenchmarks: readonly Benchmark[] = [http('express'), http('fastify')];
