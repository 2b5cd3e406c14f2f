import type { Benchmark, Lab, OpenPairings } from './benchmark.js';
import type { Framework, Front } from './http-apps.js';
import type { ItemServers } from './http-items.js';
import { HttpSides } from './http-sides.js';
import { serverOf } from './open-pools.js';
import type { Pairing } from './slices.js';

/**
 * One application with the library and without. Each side is a process of its own: in one process they would share
 * the heap and the compiler's knowledge of their objects, one collecting the other's garbage, and would both pay
 * for the `AsyncLocalStorage` of the library. The handler asks no database, so that the library's share is as
 * large as it gets.
 */
function empty(framework: Framework): Benchmark {
  return {
    name: framework,
    run: (lab) => lab.measureAfresh(() => openPairings(framework, framework)),
  };
}

/** The same where the handler looks something up on a replica, as most do: the pool's share is in it. */
function withSelect(framework: Framework): Benchmark {
  const name = `${framework}-select`;
  return {
    name,
    run: async (lab) => {
      const items = await itemServers(lab);
      await lab.measureAfresh(() => openPairings(name, framework, items));
    },
  };
}

async function itemServers(lab: Lab): Promise<ItemServers> {
  const { primary, replicas } = await lab.cluster();
  const [replica] = replicas;
  if (replica === undefined) throw new Error('The cluster should have a replica.');
  return { primary: serverOf(primary), replica: serverOf(replica) };
}

async function openPairings(name: string, framework: Framework, items?: ItemServers): Promise<OpenPairings> {
  const sides = new HttpSides(framework, items);
  const pairing = async (ending: string, base: Front, tried: Front): Promise<Pairing> => ({
    name: name + ending,
    base: await sides.open(base),
    tried: await sides.open(tried),
  });
  try {
    const pairings = [
      await pairing('', 'plain', 'routed'),
      await pairing('-noise', 'plain', 'plain'),
      await pairing('-storage', 'plain', 'storage'),
      await pairing('-added', 'storage', 'routed'),
    ];
    return { pairings, [Symbol.asyncDispose]: () => sides[Symbol.asyncDispose]() };
  } catch (error) {
    await sides[Symbol.asyncDispose]();
    throw error;
  }
}

const frameworks = ['express', 'fastify'] as const;

export const httpBenchmarks: readonly Benchmark[] = [...frameworks.map(empty), ...frameworks.map(withSelect)];
