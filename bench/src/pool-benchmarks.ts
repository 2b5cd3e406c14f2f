import type { LocalCluster, LocalNode } from '@node-replicated/local-cluster';
import type { Benchmark, Lab, OpenPairings } from './benchmark.js';
import { ChildProgram } from './child-program.js';
import { serverOf } from './open-pools.js';
import type { PoolFront, PoolOrder } from './pool-sides.js';
import type { Pairing, Side, Slice } from './slices.js';

/*
 * Fairness. Each side has pools of its own, of the same size, which are connected to the same servers: so neither warms
 * the other's connections. In most comparisons it is a process of its own as well, since no application has both kinds
 * of pools. In those called `together` both are in one process, as where the goals come from: the compiler knows two
 * kinds of everything then, and is good at neither.
 *
 * With two replicas the bare side chooses by chance, as an application does that has a list of two pools; the
 * routed side keeps its default, the less busy of two. A better balance is no overhead and could hide some, but
 * not here: each pool has a connection for every loop, so no statement ever waits for one. See also CPU time,
 * which no balance changes.
 *
 * The monitor of a routed pool works in its process, and is counted. It has a line of its own besides.
 */

interface PoolComparison {
  /** How its name ends. */
  readonly ending: string;
  readonly base: PoolFront;
  readonly tried: PoolFront;
  /** Whether both are in one process. */
  readonly together?: boolean;
}

interface Plan {
  readonly name: string;
  readonly statement: PoolOrder['statement'];
  /** Which of the nodes serve. */
  readonly servers: (cluster: LocalCluster) => readonly LocalNode[];
  readonly comparisons: readonly PoolComparison[];
}

const noise: PoolComparison = { ending: '-noise', base: 'bare', tried: 'bare' };

const requests: readonly PoolComparison[] = [{ ending: '', base: 'bare', tried: 'request' }, noise];

const inDetail: readonly PoolComparison[] = [
  ...requests,
  { ending: '-storage', base: 'bare', tried: 'storage' },
  { ending: '-added', base: 'storage', tried: 'request' },
  { ending: '-together', base: 'bare', tried: 'request', together: true },
  { ending: '-together-noise', base: 'bare', tried: 'bare', together: true },
];

const outside: readonly PoolComparison[] = [{ ending: '', base: 'bare', tried: 'outside' }, noise];

const plans: readonly Plan[] = [
  { name: 'pool-select', statement: 'byPrimaryKey', servers: replicas(1), comparisons: inDetail },
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
  /** One process, with a side for each front. */
  const open = async (...fronts: readonly PoolFront[]): Promise<readonly Side[]> => {
    const orders = JSON.stringify(fronts.map((front) => orderFor(plan, cluster, front)));
    const [program] = await ChildProgram.start<'ready'>('pool-child', [orders]);
    programs.push(program);
    return fronts.map((_, index) => ({ slice: (ms) => program.ask<Slice>([index, ms]) }));
  };
  try {
    const pairings: Pairing[] = [];
    for (const { ending, base, tried, together = false } of plan.comparisons) {
      const sides = together ? await open(base, tried) : [...(await open(base)), ...(await open(tried))];
      pairings.push(pairingOf(plan.name + ending, sides));
    }
    return { pairings, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function pairingOf(name: string, [base, tried]: readonly Side[]): Pairing {
  if (base === undefined || tried === undefined) throw new RangeError('A pairing has two sides.');
  return { name, base, tried };
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
