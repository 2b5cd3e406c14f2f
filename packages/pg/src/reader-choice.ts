import { type Decision, requiresPosition, type Session } from '@node-replicated/core/adapter';
import {
  type Balancer,
  type Clock,
  type ClusterWatcher,
  type Position,
  selectReplicas,
} from '@node-replicated/core/cluster';
import { hasReached, parsePosition } from './lsn.js';
import { PgNode } from './node.js';
import type { PoolSettings } from './options.js';
import { isOfUnheardPromotion } from './unheard-promotion.js';

/** What the choice of a reader looks at. */
export interface ReaderSources {
  readonly watcher: ClusterWatcher;
  readonly balance: Balancer;
  readonly clock: Clock;
  readonly settings: PoolSettings;
  /** The replicas that may be read from just now. */
  replicas(): readonly PgNode[];
  /** The primary, or whoever else may stand in for it where there is none. */
  primary(decision: Decision): PgNode | undefined;
  /** For how many ms a read waits for any node that can serve it. */
  waitMs(decision: Decision): number;
  /** Somebody waits for a node that can serve. */
  lookAround(): void;
}

/**
 * What a node was when it was chosen, where that matters: while its connection is waited for, it may restart as a
 * replica, or with less than it had.
 */
export type Claim = 'primary' | 'caught-up' | undefined;

/** Nodes that have failed a statement already. */
type Without = ReadonlySet<PgNode> | undefined;

/** The longest, in ms, that a read waits for a replica to say where it is: one that hangs must not hold it up. */
const longestLookMs = 50;

/** The pause, in ms, between two looks at replicas that a read waits for. */
const pollMs = 5;

/**
 * Chooses the node whose reader serves a read.
 *
 * A read that must see what its client wrote goes down a ladder: a replica known to have replayed that; one that
 * a look, shared by all who wait, finds to have; one that gets there in `waitForReplicaMs`; the primary. Replicas
 * that cannot have replayed it yet, going by how long they took before, are not asked.
 */
export class ReaderChoice {
  readonly #sources: ReaderSources;

  constructor(sources: ReaderSources) {
    this.#sources = sources;
  }

  /**
   * The choice that needs no waiting: for role `replica` the one that has served this request before, or one that
   * the balancer chooses, or the primary when there is none; for role `primary` the primary.
   *
   * @returns undefined when there is none, or none that is known to be good enough
   */
  now(decision: Decision, session: Session | undefined, without?: Without): PgNode | undefined {
    if (decision.role === 'primary') return this.#primary(decision, without);
    const kept = session?.replicaOf(this);
    const shown = decision.rule?.consistency === 'eventual' ? undefined : this.#shownTo(session);
    const free =
      decision.rule?.maxLagMs === undefined &&
      decision.position === undefined &&
      without === undefined &&
      shown === undefined;
    if (free && kept instanceof PgNode && kept.readable) return kept;
    const candidates = free ? this.#sources.replicas() : this.#candidates(decision, without);
    // What a node has shown to this request, no other is sure to have, except the primary.
    if (shown !== undefined && !isAlone(kept, shown, candidates)) return this.#primary(decision, without);
    const chosen = this.#choose(candidates, kept);
    if (chosen !== undefined) {
      session?.keepReplica(this, chosen);
      return chosen;
    }
    // Before every node has been looked at, a replica that is about to be found is worth the wait.
    if (!this.#sources.watcher.settled || this.#mayCatchUp(decision, without)) return undefined;
    return this.#primary(decision, without);
  }

  /**
   * The choice after nodes have failed: whoever else is good enough, or the primary.
   *
   * @returns undefined when there is none just now
   */
  instead(decision: Decision, session: Session | undefined, failed: ReadonlySet<PgNode>): PgNode | undefined {
    return this.now(decision, session, failed) ?? this.#primary(decision, failed);
  }

  /** Whether a read that waits for a reader of the primary had better choose anew. */
  hasBetter(waitedFor: PgNode, decision: Decision, session: Session | undefined, without?: Without): boolean {
    const better = this.now(decision, session, without);
    return better === undefined ? !waitedFor.isPrimary : better !== waitedFor;
  }

  /** Whether a node whose reader a lease holds will do for another statement. */
  suits({ isPrimary, replayed, hasLeft }: PgNode, decision: Decision): boolean {
    if (hasLeft) return false;
    if (isPrimary) return !this.#isLeftBehind(decision);
    if (decision.role === 'primary') return false;
    const { position } = decision;
    if (position === undefined || !requiresPosition(decision) || !this.#isOurs(position)) return true;
    return replayed !== undefined && hasReached(replayed, position);
  }

  /** What a node is now that it is chosen. */
  claimOf({ isPrimary, readable }: PgNode, decision: Decision): Claim {
    if (isPrimary) return 'primary';
    return readable && requiresPosition(decision) ? 'caught-up' : undefined;
  }

  /** Whether a node still is what it was when it was chosen. */
  holds(node: PgNode, claim: Claim, decision: Decision): boolean {
    if (claim === 'primary') return node.isPrimary;
    return claim === undefined || this.suits(node, decision);
  }

  /**
   * The choice after waiting: `waitForReplicaMs` for a replica to replay what the client wrote, and `failoverWaitMs`
   * for any node at all.
   *
   * @returns undefined when time is up
   */
  async find(
    decision: Decision,
    session: Session | undefined,
    without?: Without,
  ): Promise<PgNode | undefined> {
    const { watcher, clock, settings } = this.#sources;
    const { connectMs = Number.POSITIVE_INFINITY } = settings;
    const deadline = clock.now() + connectMs;
    if (!watcher.settled) {
      const found = await watcher.waitFor(() => this.now(decision, session, without), 0, connectMs);
      if (found !== undefined) return found;
    }
    const found = (await this.#awaitCaughtUp(decision, session, without)) ?? this.#primary(decision, without);
    if (found !== undefined) return found;
    const ms = this.#sources.waitMs(decision);
    // Somebody knows more than this process: even who does not wait has it look.
    if (ms > 0 || this.#isLeftBehind(decision)) this.#sources.lookAround();
    const look = (): PgNode | undefined =>
      this.now(decision, session, without) ?? this.#primary(decision, without);
    return watcher.waitFor(look, ms, deadline - clock.now());
  }

  async #awaitCaughtUp(
    decision: Decision,
    session: Session | undefined,
    without: Without,
  ): Promise<PgNode | undefined> {
    const { clock, settings } = this.#sources;
    const deadline = clock.now() + settings.waitForReplicaMs;
    while (this.#mayCatchUp(decision, without)) {
      await this.#look(decision, without);
      const found = this.now(decision, session, without);
      if (found !== undefined || clock.now() + pollMs > deadline) return found;
      await new Promise<void>((resolve) => clock.after(pollMs, resolve, true));
    }
    return this.now(decision, session, without);
  }

  /** Asks one replica that may have caught up, and only if it has not, the others. */
  async #look(decision: Decision, without: Without): Promise<void> {
    const promising = this.#worthALook(decision.position, without);
    if (promising.length === 0) return;
    const isThere = (): boolean => this.#candidates(decision, without).length > 0;
    const first = this.#sources.balance(promising);
    await first.look(longestLookMs);
    if (isThere()) return;
    const others = promising.filter((replica) => replica !== first);
    await firstThat(
      others.map((replica) => replica.look(longestLookMs)),
      isThere,
    );
  }

  /** Whether the read has to see a position of this cluster, and there are replicas that may reach it in time. */
  #mayCatchUp(decision: Decision, without: Without): boolean {
    if (!requiresPosition(decision) || !this.#isOurs(decision.position)) return false;
    const { settings } = this.#sources;
    if (settings.waitForReplicaMs > 0) return this.#sources.replicas().length > 0;
    return this.#worthALook(decision.position, without).length > 0;
  }

  #worthALook(position: Position | undefined, without: Without): readonly PgNode[] {
    if (position === undefined) return [];
    const able = this.#sources.replicas().filter((node) => node.tellsReplayed && without?.has(node) !== true);
    return this.#sources.watcher.worthALook(able, position);
  }

  #candidates(decision: Decision, without: Without): readonly PgNode[] {
    const { rule, position } = decision;
    const need = {
      maxLagMs: rule?.maxLagMs,
      position: this.#isOurs(position) ? position : undefined,
      mustReach: requiresPosition(decision),
      without,
    };
    return selectReplicas(this.#sources.replicas(), need, hasReached);
  }

  /** With monotonic reads, the nodes that have shown something to this request. */
  #shownTo(session: Session | undefined): ReadonlySet<string> | undefined {
    return session?.shownBy(this.#sources.settings.name);
  }

  #choose(candidates: readonly PgNode[], kept: unknown): PgNode | undefined {
    if (kept instanceof PgNode && candidates.includes(kept)) return kept;
    return candidates.length === 0 ? undefined : this.#sources.balance(candidates);
  }

  #primary(decision: Decision, without: Without): PgNode | undefined {
    const primary = this.#sources.primary(decision);
    if (primary === undefined || without?.has(primary) === true) return undefined;
    return this.#isLeftBehind(decision) ? undefined : primary;
  }

  /** Whether the read's client knows of a promotion that was not seen here, and has to see what it wrote. */
  #isLeftBehind(decision: Decision): boolean {
    if (decision.role === 'replica' && !requiresPosition(decision)) return false;
    return isOfUnheardPromotion(decision.pinned, this.#sources.watcher.topology);
  }

  /** A position of another cluster's data says nothing here: its pin counted by time alone. */
  #isOurs(position: Position | undefined): boolean {
    const system = position === undefined ? undefined : parsePosition(position)?.systemIdentifier;
    return system !== undefined && String(system) === this.#sources.watcher.topology.systemIdentifier;
  }
}

/** Whether the node that was kept can serve, and is the only one that has shown anything. */
function isAlone(kept: unknown, shown: ReadonlySet<string>, candidates: readonly PgNode[]): boolean {
  return kept instanceof PgNode && shown.size === 1 && shown.has(kept.name) && candidates.includes(kept);
}

/** Waits until one of several looks has brought what is wanted, or all have ended. */
function firstThat(looks: readonly Promise<void>[], isThere: () => boolean): Promise<unknown> {
  const all = Promise.all(looks);
  const brought = looks.map((look) => look.then(() => (isThere() ? undefined : all)));
  return Promise.race([all, ...brought]);
}
