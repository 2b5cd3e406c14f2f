import type { LocalCluster, LocalNode } from '@node-replicated/local-cluster';
import type { Benchmark } from './benchmark.js';
import { ContextStorage } from './context-storage.js';
import { OpenPools } from './open-pools.js';
import { bareSide, byPrimaryKey, outsideSide, requestSide, type Statement, selectOne } from './pool-sides.js';
import {
  askPort,
  askPortInRequest,
  requireNoDetours,
  requireServers,
  requireWriter,
} from './routing-check.js';
import type { Pairing, Side } from './slices.js';

/*
 * Fairness. Each side has pools of its own, of the same size, which are connected to the same servers: so neither
 * warms the other's connections. That the routed side reaches the servers of the bare side, and no others, is
 * proved before anything is measured.
 *
 * With two replicas the bare side chooses by chance, as an application does that has a list of two pools; the
 * routed side keeps its default, the less busy of two. A better balance is no overhead and could hide some, but
 * not here: each pool has a connection for every loop, so no statement ever waits for one. See also CPU time,
 * which no balance changes.
 *
 * The monitor of a routed pool works during the slices of both sides, so it cancels out. It has a line of its own.
 */

/**
 * What an `AsyncLocalStorage` in use costs a bare pool. This one has to come first in a process: the storage of
 * the library is never switched off once a scope has been entered.
 */
const poolStorage: Benchmark = {
  name: 'pool-storage',
  async run(lab) {
    const [replica] = twoReplicas(await lab.cluster());
    const storage = new ContextStorage();
    const inContext: Statement = (pool, turn) => storage.run(() => byPrimaryKey(pool, turn));
    await using pools = new OpenPools();
    const bareOne = (): Side => bareSide([pools.bare(replica)], byPrimaryKey);
    const tried = storage.during(bareSide([pools.bare(replica)], inContext));
    await lab.measure({ name: 'pool-storage', base: bareOne(), tried }, noiseOf('pool-storage', bareOne));
  },
};

/** A statement that runs outside any request, on the primary's writer. */
const poolSelectOutside: Benchmark = {
  name: 'pool-select-outside',
  async run(lab) {
    const cluster = await lab.cluster();
    const { primary } = cluster;
    await using pools = new OpenPools();
    const bare = pools.bare(primary);
    const routed = pools.routed(cluster, cluster.replicas);
    await requireServers('the bare pool', () => askPort(bare), [primary]);
    await requireServers('the routed pool', () => askPort(routed), [primary]);
    await requireWriter(routed, primary.name);
    const bareOne = (): Side => bareSide([pools.bare(primary)], byPrimaryKey);
    await lab.measure(
      {
        name: 'pool-select-outside',
        base: bareSide([bare], byPrimaryKey),
        tried: outsideSide(routed, byPrimaryKey),
      },
      noiseOf('pool-select-outside', bareOne),
    );
    await requireWriter(routed, primary.name);
  },
};

/** A request that reads once, against the same read on bare pools of the same replicas. */
function readingRequest(name: string, statement: Statement, howMany: 1 | 2): Benchmark {
  return {
    name,
    async run(lab) {
      const cluster = await lab.cluster();
      const replicas = twoReplicas(cluster).slice(0, howMany);
      await using pools = new OpenPools();
      const bare = replicas.map((replica) => pools.bare(replica));
      const routed = pools.routed(cluster, replicas);
      for (const [index, pool] of bare.entries()) {
        await requireServers('a bare pool', () => askPort(pool), replicas.slice(index, index + 1));
      }
      await requireServers('the routed pool', () => askPortInRequest(routed), replicas);
      const names = replicas.map((replica) => replica.name);
      const another = (): Side =>
        bareSide(
          replicas.map((replica) => pools.bare(replica)),
          statement,
        );
      await lab.measure(
        { name, base: bareSide(bare, statement), tried: requestSide(routed, names, statement) },
        noiseOf(name, another),
      );
      requireNoDetours();
    },
  };
}

/** A bare side against another that is made in the same way: what differs between the two is noise. */
function noiseOf(name: string, bareOne: () => Side): Pairing {
  return { name: `${name}-noise`, base: bareOne(), tried: bareOne() };
}

function twoReplicas({ replicas: [first, second] }: LocalCluster): readonly [LocalNode, LocalNode] {
  if (first === undefined || second === undefined) throw new Error('The cluster should have two replicas.');
  return [first, second];
}

export const poolBenchmarks: readonly Benchmark[] = [
  poolStorage,
  readingRequest('pool-select', byPrimaryKey, 1),
  readingRequest('pool-select-two', byPrimaryKey, 2),
  readingRequest('pool-select1', selectOne, 1),
  poolSelectOutside,
];
