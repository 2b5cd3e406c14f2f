import type { LocalNode } from '@node-replicated/local-cluster';
import type { Applications } from './applications.js';
import { pause } from './pause.js';
import type { Episode, ServerFault } from './plan.js';
import type { StormedCluster } from './stormed-cluster.js';

/** The faults after which another node is the primary. */
export type FailoverFault = Extract<ServerFault, `failover${string}` | 'switchover' | 'split brain'>;

/** What was seen of servers that must not be written to. */
export interface FailoverFindings {
  readonly promotions: number;
  /** Writes that reached a node which every application knew not to be the primary. */
  readonly strayWrites: number;
}

/** What was sent to a server before it was known not to be the primary has arrived after so many ms. */
const underWayMs = 300;

/**
 * Takes the primary away and promotes another node, as an HA engine does: nobody is promoted before the old primary
 * can be reached no more, and the old one is shown again only after every application knows the new one.
 */
export class Failovers {
  readonly #cluster: StormedCluster;
  readonly #applications: Applications;
  readonly #over: AbortSignal;
  #promotions = 0;
  #strayWrites = 0;

  constructor(cluster: StormedCluster, applications: Applications, over: AbortSignal) {
    this.#cluster = cluster;
    this.#applications = applications;
    this.#over = over;
  }

  get findings(): FailoverFindings {
    return { promotions: this.#promotions, strayWrites: this.#strayWrites };
  }

  async strike(fault: FailoverFault, { forMs, replica }: Episode): Promise<void> {
    const { primary: old, chronicle } = this.#cluster;
    chronicle.strike(fault, old.name);
    if (fault === 'split brain') return this.#splitBrain(old, replica, forMs);
    await this.#dethrone(old, () => this.#replace(fault, old, forMs));
  }

  /** The primary is taken away, and comes back as a replica of its successor. */
  async #dethrone(old: LocalNode, replace: () => Promise<void>): Promise<void> {
    this.#cluster.dethrone();
    await this.#withoutService(old, async () => {
      await replace();
      this.#cluster.chronicle.strike('comes back as a replica', old.name);
      await old.follow(this.#cluster.primary);
    });
  }

  async #replace(fault: Exclude<FailoverFault, 'split brain'>, old: LocalNode, forMs: number): Promise<void> {
    switch (fault) {
      case 'failover':
        await old.kill();
        await pause(forMs, this.#over);
        return this.#promote();
      case 'switchover':
        await old.shutdown('fast');
        return this.#promote();
      case 'failover, the old primary comes back alone':
        await old.kill();
        return this.#showAgain(old, forMs, async () => {
          await this.#promote();
          await old.restart();
        });
      case 'failover, the old primary was cut off':
        return this.#showAgain(old, forMs, () => this.#promote());
      case 'failover, the old primary was frozen':
        await old.freeze();
        await this.#promote();
        await this.#followed(this.#cluster.primary);
        await old.thaw();
        await this.#fenced(old);
        await pause(underWayMs, this.#over);
        return this.#expectNoWrites(old, forMs, async () => undefined);
    }
  }

  /** The way to the old primary is cut until every application follows its successor. */
  async #showAgain(old: LocalNode, forMs: number, meanwhile: () => Promise<void>): Promise<void> {
    const giveBack = await this.#cluster.holdWay(old);
    try {
      await old.cut('refuse');
      await meanwhile();
      await this.#followed(this.#cluster.primary);
      await this.#expectNoWrites(old, forMs, async () => {
        await old.heal();
        await this.#fenced(old);
      });
    } finally {
      giveBack();
    }
  }

  /** Counts what is written to a former primary, which accepts writes without waiting for anybody. */
  async #expectNoWrites(old: LocalNode, forMs: number, show: () => Promise<void>): Promise<void> {
    this.#cluster.chronicle.strike('former primary can be reached', old.name);
    await old.query("ALTER SYSTEM SET synchronous_standby_names = ''");
    await old.query('SELECT pg_reload_conf()');
    await pause(underWayMs, this.#over);
    const before = await rows(old);
    await show();
    await pause(forMs, this.#over);
    this.#strayWrites += (await rows(old)) - before;
    await old.query('ALTER SYSTEM RESET synchronous_standby_names');
  }

  /** Promotes the heir, and has the other replica follow it. */
  async #promote(): Promise<void> {
    const heir = await this.#cluster.heir();
    this.#cluster.chronicle.strike('promoted', heir.name);
    await heir.promote();
    this.#promotions += 1;
    const others = this.#cluster.replicas.filter((node) => node !== heir);
    this.#cluster.enthrone(heir);
    for (const other of others) await this.#withoutService(other, () => other.follow(heir));
  }

  async #withoutService({ name }: LocalNode, during: () => Promise<void>): Promise<void> {
    const { chronicle } = this.#cluster;
    const ends = [chronicle.begin('unfit', name), chronicle.begin('mute', name)];
    await during();
    for (const end of ends) end();
  }

  #followed({ name }: LocalNode): Promise<void> {
    return this.#applications.see(`${name} is the primary`, ({ primary }) => primary === name);
  }

  #fenced({ name }: LocalNode): Promise<void> {
    return this.#applications.see(`${name} is fenced`, ({ fenced }) => fenced.includes(name));
  }

  /**
   * Both replicas are promoted, onto one timeline, and the second one lacks what was acknowledged while it was down.
   * Neither can acknowledge anything, as nobody confirms it; in the end the one that has more stays.
   */
  async #splitBrain(old: LocalNode, loser: Episode['replica'], forMs: number): Promise<void> {
    const { replicas } = this.#cluster;
    const [heir, rival] = [replicas[1 - loser], replicas[loser]];
    if (heir === undefined || rival === undefined) throw new Error('A split brain needs two replicas.');
    await this.#withoutService(rival, async () => {
      await rival.kill();
      await pause(forMs, this.#over);
      await this.#dethrone(old, async () => {
        await old.kill();
        await rival.restart();
        await this.#promoteBoth(heir, rival, forMs);
        await rival.follow(heir);
      });
    });
  }

  async #promoteBoth(heir: LocalNode, rival: LocalNode, forMs: number): Promise<void> {
    const { chronicle } = this.#cluster;
    // Who sees one of them alone has to take it for the primary.
    const ways = [await this.#cluster.holdWay(heir), await this.#cluster.holdWay(rival)];
    for (const node of [heir, rival]) {
      chronicle.strike('promoted, as is another', node.name);
      await node.promote();
      if (node === heir) await this.#followed(heir);
    }
    await this.#applications.see('there are two primaries', ({ splitBrain }) => splitBrain.length === 2);
    await pause(underWayMs, this.#over);
    const began = Date.now();
    await pause(forMs, this.#over);
    this.#strayWrites += (await waitingSince(heir, began)) + (await waitingSince(rival, began));
    chronicle.strike('killed, so that one primary is left', rival.name);
    await makeUseless(rival);
    await rival.kill();
    for (const giveBack of ways) giveBack();
    this.#promotions += 1;
    this.#cluster.enthrone(heir);
  }
}

async function rows(node: LocalNode): Promise<number> {
  const { rows: found } = await node.query<{ count: number }>('SELECT count(*)::int AS count FROM item');
  return found[0]?.count ?? 0;
}

/** Writes that were sent to a node after a moment, and wait for somebody to confirm them. */
async function waitingSince(node: LocalNode, began: number): Promise<number> {
  const { rows: found } = await node.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE usename = 'app' AND wait_event = 'SyncRep' AND query_start > to_timestamp($1 / 1000.0)`,
    [began],
  );
  return found[0]?.count ?? 0;
}

/**
 * Two primaries of one timeline cannot be told apart by it, so what one of them has must be thrown away before it
 * follows the other: without this file a server does not start, and its data is replaced.
 */
async function makeUseless(node: LocalNode): Promise<void> {
  await node.query("COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; rm global/pg_control'");
}
