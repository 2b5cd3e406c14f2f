import type { CutMode } from '@node-replicated/local-cluster';
import { seededRandom } from '../history/seeded-random.js';

/** What may happen to servers: to a replica, to the primary without a successor, and with one. */
export const serverFaults = [
  'replica killed',
  'replica frozen',
  'replica restarted',
  'replay paused',
  'replica lags',
  'primary killed',
  'primary frozen',
  'failover',
  'failover, the old primary comes back alone',
  'failover, the old primary was frozen',
  'failover, the old primary was cut off',
  'switchover',
  'split brain',
] as const;

/** How the way between applications and a node breaks. */
const cutModes: readonly CutMode[] = ['refuse', 'reset', 'blackhole'];

export type ServerFault = (typeof serverFaults)[number];

/** A fault of servers. They strike one after the other, so each begins with a whole cluster. */
export interface Episode {
  readonly fault: ServerFault;
  /** How many ms after the end of the one before. */
  readonly pauseMs: number;
  /** For how many ms it lasts, beside what it takes to bring about and to undo. */
  readonly forMs: number;
  /** Which of the two replicas it strikes; where it strikes the primary, which one lags meanwhile. */
  readonly replica: 0 | 1;
  /** By how many ms that one lags meanwhile; 0: not at all. */
  readonly lagMs: number;
}

/** A break of a way, which happens whatever happens to servers. */
export interface Cut {
  /** ms after the storm has begun. */
  readonly atMs: number;
  /** Which node, in the order of the cluster's list. */
  readonly node: number;
  readonly mode: CutMode;
  readonly forMs: number;
}

/** All that will happen, unless time is up before. */
export interface StormPlan {
  readonly seed: number;
  readonly episodes: readonly Episode[];
  readonly cuts: readonly Cut[];
}

/** Nodes of the cluster for which plans are made: a primary and two replicas. */
export const nodeCount = 3;

/** Two cuts begin at most so many ms apart: whatever servers take, something strikes every 2 s. */
const longestGapMs = 1_700;

/**
 * Plans a storm: the same one for the same seed.
 *
 * Each kind of fault has its turn before one comes again. Nothing in a plan is for ever: each fault says for how
 * long it lasts, and no way is cut while it is cut.
 */
export function planStorm(seed: number, seconds: number): StormPlan {
  const random = seededRandom(seed);
  const lastsMs = seconds * 1_000;
  return { seed, episodes: planEpisodes(random, lastsMs), cuts: planCuts(random, lastsMs) };
}

function planEpisodes(random: () => number, lastsMs: number): readonly Episode[] {
  const draw = deckOf(serverFaults, random);
  const episodes: Episode[] = [];
  for (let atMs = 0; atMs < lastsMs; ) {
    const fault = draw();
    const episode: Episode = {
      fault,
      pauseMs: between(random, 200, 1_200),
      forMs: between(random, 300, 1_500),
      replica: random() < 0.5 ? 0 : 1,
      lagMs: fault === 'replica lags' || random() < 0.3 ? between(random, 100, 1_500) : 0,
    };
    episodes.push(episode);
    atMs += episode.pauseMs + episode.forMs;
  }
  return episodes;
}

function planCuts(random: () => number, lastsMs: number): readonly Cut[] {
  const draw = deckOf(cutModes, random);
  const healedAt = Array.from({ length: nodeCount }, () => 0);
  const cuts: Cut[] = [];
  for (let atMs = between(random, 0, longestGapMs); atMs < lastsMs; ) {
    const forMs = between(random, 200, 1_500);
    const node = pickFree(healedAt, atMs, random);
    if (node !== undefined) {
      cuts.push({ atMs, node, mode: draw(), forMs });
      healedAt[node] = atMs + forMs;
    }
    atMs += between(random, 700, longestGapMs);
  }
  return cuts;
}

/** Deals all of them in a new order each time. */
function deckOf<T>(kinds: readonly T[], random: () => number): () => T {
  let deck: T[] = [];
  return () => {
    if (deck.length === 0) deck = [...kinds];
    const [drawn] = deck.splice(Math.floor(random() * deck.length), 1) as [T];
    return drawn;
  };
}

function pickFree(healedAt: readonly number[], atMs: number, random: () => number): number | undefined {
  const free = [...healedAt.keys()].filter((node) => (healedAt[node] ?? 0) <= atMs);
  return free[Math.floor(random() * free.length)];
}

function between(random: () => number, least: number, most: number): number {
  return Math.round(least + random() * (most - least));
}
