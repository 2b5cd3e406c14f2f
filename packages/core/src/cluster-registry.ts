import type { ClusterEvents } from './cluster-events.js';
import type { JoinPositions, Position } from './position.js';

/** What the web side knows of a cluster. A database package registers one for each pool. */
export interface Cluster {
  /** The cluster's name, under which pins remember it. */
  readonly name: string;
  /** Whether the cluster has no primary just now, so that nothing can be written. */
  readonly readOnly: boolean;
  /**
   * Somebody was turned away because there is no primary: looks for one soon, once for all who call this. Absent where
   * that happens anyway.
   */
  seekPrimary?(): void;
  /**
   * A position of the primary at or after everything that was committed when this was called. Absent where the
   * engine has no positions.
   *
   * @returns undefined when it cannot be had in time; it never rejects
   */
  currentPosition?(): Promise<Position | undefined>;
  /**
   * A position at or after everything that a node has shown until now. Absent where the engine has no positions.
   *
   * @param node the node's name
   * @returns undefined when it cannot be had in time; it never rejects
   */
  shownPosition?(node: string): Promise<Position | undefined>;
  /** Joins two positions of this cluster that one client may have. */
  readonly join?: JoinPositions;
  /**
   * A position at or before everything that is written from now on: it names the history that this process knows for
   * the newest, where a write's own position cannot be had. Undefined when nothing is known yet.
   */
  readonly leastPosition?: Position | undefined;
  /** Where what happens to the cluster's requests is told, besides the channels of the process. */
  readonly events?: ClusterEvents;
}

const registryKey = Symbol.for('node-replicated.clusters@1');
const shared = globalThis as { [registryKey]?: Set<Cluster> };
shared[registryKey] ??= new Set<Cluster>();
const clusters = shared[registryKey];

/**
 * Makes a cluster known to this process's adapters.
 *
 * @returns a function that takes it back
 */
export function registerCluster(cluster: Cluster): () => void {
  clusters.add(cluster);
  return () => {
    clusters.delete(cluster);
  };
}

/** How positions of a cluster are joined; undefined where no pool of that name is in this process. */
export function joinOf(name: string): JoinPositions | undefined {
  for (const cluster of clusters) if (cluster.name === name) return cluster.join;
  return undefined;
}

/**
 * Where the primaries of all clusters are that can tell positions, by the clusters' names: at or after everything that
 * was committed when this was called. It never rejects; undefined stands for what cannot be had in time.
 */
export async function currentPositions(): Promise<ReadonlyMap<string, Position | undefined>> {
  const placed = [...clusters].filter(({ currentPosition }) => currentPosition !== undefined);
  const asked = placed.map(async (cluster) => [cluster.name, await cluster.currentPosition?.()] as const);
  return new Map(await Promise.all(asked));
}

/** Has the clusters that have no primary look for one: what is refused at once would otherwise notice nobody's return. */
export function seekPrimaries(): void {
  for (const cluster of clusters) if (cluster.readOnly) cluster.seekPrimary?.();
}

/** Whether any cluster of this process has no primary just now. */
export function isReadOnly(): boolean {
  for (const cluster of clusters) if (cluster.readOnly) return true;
  return false;
}
