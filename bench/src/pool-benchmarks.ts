import type { LocalCluster, LocalNode } from '@node-replicated/local-cluster';
import type { Benchmark, Lab, OpenPairings } from './benchmark.js';
import { ChildProgram } from './child-program.js';
import { serverOf } from './open-pools.js';
import type { PoolFront, PoolOrder } from './pool-sides.js';
import type { Pairing, Side, Slice } from './slices.js';

/*
 * Fairness. Each side is a process of its own with pools of its own, of the same size, which are connected to the same
 * servers: so neither warms the other's connections, nor shares its heap. In one process the compiler would know both
 * kinds of pools and be good at neither: two make `pg.Pool`'s own code nearly twice as slow, and ours more so, as no
 * application does.
 *
 * With two replicas the bare side chooses by chance, as an application does that has a list of two pools; the
 * routed side keeps its default, the less busy of two. A better balance is no overhead and could hide some, but
 * not here: each pool has a connection for every loop, so no statement ever waits for one. See also CPU time,
 * which no balance changes.
 *
 * The monitor of a routed pool works in its process, and is counted. It has a line of its own besides.
 */

/** What is compared: how a name ends, the base, and what is tried. */
type Comparisons = readonly (readonly [string, PoolFront, PoolFront])[];

interface Plan {
  readonly name: string;
  readonly statement: PoolOrder['statement'];
  /** Which of the nodes serve. */
  readonly servers: (cluster: LocalCluster) => readonly LocalNode[];
  readonly comparisons: Comparisons;
}

const requests: Comparisons = [
  ['', 'bare', 'request'],
  ['-noise', 'bare', 'bare'],
];

const withStorage: Comparisons = [
  ...requests,
  ['-storage', 'bare', 'storage'],
  ['-added', 'storage', 'request'],
];

const outside: Comparisons = [
  ['', 'bare', 'outside'],
  ['-noise', 'bare', 'bare'],
];

const plans: readonly Plan[] = [
  { name: 'pool-select', statement: 'byPrimaryKey', servers: replicas(1), comparisons: withStorage },
  { name: 'pool-select-two', statement: 'byPrimaryKey', servers: replicas(2), comparisons: requests },
  { name: 'pool-select1', statement: 'selectOne', servers: replicas(1), comparisons: requests },
  {
    name: 'pool-select-outside',
    statement: 'byPrimaryKey',
    servers: ({ primary }) => [primary],
    comparisons: outside,
  },
];

export const poolBenchmarks: readonly Benchmark[] = plans.map((plan) => ({
  name: plan.name,
  run: (lab) => lab.measureAfresh(() => openPairings(plan, lab)),
}));

async function openPairings(plan: Plan, lab: Lab): Promise<OpenPairings> {
  const cluster = await lab.cluster();
  const programs: ChildProgram[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()));
  };
  const open = async (front: PoolFront): Promise<Side> => {
    const order = JSON.stringify(orderFor(plan, cluster, front));
    const [program] = await ChildProgram.start<'ready'>('pool-child', [order]);
    programs.push(program);
    return { slice: (ms) => program.ask<Slice>(ms) };
  };
  try {
    const pairings: Pairing[] = [];
    for (const [ending, base, tried] of plan.comparisons) {
      pairings.push({ name: plan.name + ending, base: await open(base), tried: await open(tried) });
    }
    return { pairings, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function orderFor({ statement, servers }: Plan, cluster: LocalCluster, front: PoolFront): PoolOrder {
  const serving = servers(cluster).map(serverOf);
  const all = cluster.replicas.map(serverOf);
  const primary = serverOf(cluster.primary);
  return { front, statement, primary, replicas: front === 'outside' ? all : serving, servers: serving };
}

function replicas(count: 1 | 2): (cluster: LocalCluster) => readonly LocalNode[] {
  return (cluster) => {
    const chosen = cluster.replicas.slice(0, count);
    if (chosen.length < count) throw new Error(`The cluster should have ${count} replicas.`);
    return chosen;
  };
}
