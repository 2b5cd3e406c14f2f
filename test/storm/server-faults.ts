import type { LocalNode } from '@node-replicated/local-cluster';
import type { Applications } from './applications.js';
import { type FailoverFindings, Failovers } from './failovers.js';
import { pause } from './pause.js';
import type { Episode, StormPlan } from './plan.js';
import type { StormedCluster } from './stormed-cluster.js';

/** Has faults strike servers as planned, one after the other, and undoes each of them. */
export async function strikeServers(
  cluster: StormedCluster,
  applications: Applications,
  { episodes }: StormPlan,
  over: AbortSignal,
): Promise<FailoverFindings> {
  const failovers = new Failovers(cluster, applications, over);
  const faults = new ServerFaults(cluster, failovers, over);
  for (const episode of episodes) {
    await pause(episode.pauseMs, over);
    if (over.aborted) break;
    await faults.strike(episode);
  }
  return failovers.findings;
}

class ServerFaults {
  readonly #cluster: StormedCluster;
  readonly #failovers: Failovers;
  readonly #over: AbortSignal;

  constructor(cluster: StormedCluster, failovers: Failovers, over: AbortSignal) {
    this.#cluster = cluster;
    this.#failovers = failovers;
    this.#over = over;
  }

  async strike(episode: Episode): Promise<void> {
    const { fault, forMs } = episode;
    const replica = this.#cluster.replicas[episode.replica];
    if (replica === undefined) throw new Error('There is no such replica.');
    switch (fault) {
      case 'replica killed':
        return this.#silence(
          fault,
          replica,
          () => replica.kill(),
          forMs,
          () => replica.restart(),
        );
      case 'replica frozen':
        return this.#silence(
          fault,
          replica,
          () => replica.freeze(),
          forMs,
          () => replica.thaw(),
        );
      case 'replica restarted':
        return this.#silence(
          fault,
          replica,
          () => replica.restart(),
          0,
          async () => undefined,
        );
      case 'replay paused':
        return this.#mute(
          fault,
          replica,
          () => replica.pauseReplay(),
          forMs,
          () => replica.resumeReplay(),
        );
      case 'replica lags':
        return this.#lag(replica, episode.lagMs, () => pause(forMs, this.#over));
      case 'primary killed':
        return this.#lag(replica, episode.lagMs, () => this.#killPrimary(forMs));
      case 'primary frozen':
        return this.#lag(replica, episode.lagMs, () => this.#freezePrimary(forMs));
      default:
        return this.#lag(replica, episode.lagMs, () => this.#failovers.strike(fault, episode));
    }
  }

  /** A replica can neither be read from nor confirm anything. */
  async #silence(
    what: string,
    replica: LocalNode,
    strike: () => Promise<void>,
    forMs: number,
    undo: () => Promise<void>,
  ): Promise<void> {
    const fit = this.#cluster.chronicle.begin('unfit', replica.name);
    const strikeAndRest = async (): Promise<void> => {
      await strike();
      await pause(forMs, this.#over);
    };
    await this.#mute(what, replica, strikeAndRest, 0, async () => {
      await undo();
      fit();
    });
  }

  /** A replica confirms nothing. */
  async #mute(
    what: string,
    replica: LocalNode,
    strike: () => Promise<void>,
    forMs: number,
    undo: () => Promise<void>,
  ): Promise<void> {
    const { chronicle } = this.#cluster;
    chronicle.strike(what, replica.name);
    const loud = chronicle.begin('mute', replica.name);
    await strike();
    await pause(forMs, this.#over);
    await undo();
    await this.#cluster.streams(replica);
    loud();
  }

  /** A replica lags while something else happens, whatever becomes of it meanwhile. */
  async #lag(replica: LocalNode, lagMs: number, meanwhile: () => Promise<void>): Promise<void> {
    if (lagMs === 0) return meanwhile();
    const { chronicle } = this.#cluster;
    chronicle.strike(`lags by ${lagMs} ms`, replica.name);
    const loud = chronicle.begin('mute', replica.name);
    await replica.setLag(lagMs);
    await meanwhile();
    await replica.query('ALTER SYSTEM RESET recovery_min_apply_delay');
    await replica.query('SELECT pg_reload_conf()');
    loud();
  }

  async #killPrimary(forMs: number): Promise<void> {
    const { primary, replicas, chronicle } = this.#cluster;
    chronicle.strike('primary killed', primary.name);
    const ends = [
      chronicle.begin('unfit', primary.name),
      ...replicas.map(({ name }) => chronicle.begin('mute', name)),
    ];
    await primary.kill();
    await pause(forMs, this.#over);
    await primary.restart();
    for (const replica of replicas) await this.#cluster.streams(replica);
    for (const end of ends) end();
  }

  async #freezePrimary(forMs: number): Promise<void> {
    const { primary, chronicle } = this.#cluster;
    chronicle.strike('primary frozen', primary.name);
    const fit = chronicle.begin('unfit', primary.name);
    await primary.freeze();
    await pause(forMs, this.#over);
    await primary.thaw();
    fit();
  }
}
