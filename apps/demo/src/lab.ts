import { type LocalCluster, LocalClusterError, type LocalNode } from '@node-replicated/local-cluster';

/** What the lab can do to a replica. */
export const labActions = ['lag', 'pause', 'resume', 'kill', 'restart'] as const;
export type LabAction = (typeof labActions)[number];

/** The lags that can be set, in ms. */
export const labLags: readonly number[] = [0, 1_000, 3_000];

/** How a replica is just now, by its own account. */
export interface LabReplica {
  readonly name: string;
  readonly running: boolean;
  readonly lagMs: number | undefined;
  readonly paused: boolean | undefined;
}

/** Sets the replicas of the demo's cluster back, stops them and starts them. No application should have this. */
export class Lab {
  readonly #cluster: Pick<LocalCluster, 'replicas'>;

  constructor(cluster: Pick<LocalCluster, 'replicas'>) {
    this.#cluster = cluster;
  }

  replicas(): Promise<readonly LabReplica[]> {
    return Promise.all(this.#cluster.replicas.map(observe));
  }

  /**
   * Does something to one replica, or to all of them.
   *
   * @param name a replica's name, or `all`: those that run, and to restart also those that do not
   * @param lagMs for the action `lag`
   * @returns false when there is no such replica
   * @throws LocalClusterError when a replica's state does not allow it
   */
  async act(action: LabAction, name: string, lagMs: number): Promise<boolean> {
    const { replicas } = this.#cluster;
    const able = (replica: LocalNode): boolean => replica.running || action === 'restart';
    const chosen = replicas.filter((replica) => (name === 'all' ? able(replica) : replica.name === name));
    await Promise.all(chosen.map((replica) => perform(replica, action, lagMs)));
    return name === 'all' || chosen.length > 0;
  }
}

function perform(replica: LocalNode, action: LabAction, lagMs: number): Promise<void> {
  switch (action) {
    case 'lag':
      return replica.setLag(lagMs);
    case 'pause':
      return replica.pauseReplay();
    case 'resume':
      return replica.resumeReplay();
    case 'kill':
      return replica.kill();
    case 'restart':
      return replica.restart();
  }
}

async function observe(replica: LocalNode): Promise<LabReplica> {
  const { name } = replica;
  try {
    const { rows } = await replica.query<{ lag: string; paused: boolean }>(
      `SELECT setting AS lag, pg_is_wal_replay_paused() AS paused
         FROM pg_settings WHERE name = 'recovery_min_apply_delay'`,
    );
    const [row] = rows;
    return { name, running: true, lagMs: Number(row?.lag ?? 0), paused: row?.paused };
  } catch (error) {
    if (error instanceof LocalClusterError)
      return { name, running: false, lagMs: undefined, paused: undefined };
    throw error;
  }
}
