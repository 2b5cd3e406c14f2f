import type { Balanced } from './balanced.js';

/** For each place: the share of draws that stay there, and where the others go. */
interface AliasTable {
  readonly stays: readonly number[];
  readonly alias: readonly number[];
}

/**
 * Draws candidates in proportion to their weights, each in constant time. The table is made anew when the candidates
 * are another list: M. D. Vose, "A Linear Algorithm for Generating Random Numbers with a Given Distribution", 1991.
 */
export class WeightedDraw {
  readonly #chance: () => number;
  #candidates: readonly Balanced[] | undefined;
  #table: AliasTable | undefined;

  /** @param chance gives numbers from 0 to below 1 */
  constructor(chance: () => number) {
    this.#chance = chance;
  }

  /** Whether all candidates weigh the same. */
  isEven(candidates: readonly Balanced[]): boolean {
    return this.#tableOf(candidates) === undefined;
  }

  /** The place of the candidate that is drawn. */
  index(candidates: readonly Balanced[]): number {
    const table = this.#tableOf(candidates);
    const point = this.#chance() * candidates.length;
    const place = Math.floor(point);
    if (table === undefined || point - place < (table.stays[place] ?? 1)) return place;
    return table.alias[place] ?? place;
  }

  #tableOf(candidates: readonly Balanced[]): AliasTable | undefined {
    if (candidates !== this.#candidates) {
      this.#table = makeTable(candidates.map(({ weight }) => weight));
      this.#candidates = candidates;
    }
    return this.#table;
  }
}

/** @returns undefined when all weights are the same */
function makeTable(weights: readonly number[]): AliasTable | undefined {
  if (weights.every((weight) => weight === weights[0])) return undefined;
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
  const stays = weights.map((weight) => weight / mean);
  const alias = weights.map((_, place) => place);
  const poor = alias.filter((place) => (stays[place] ?? 0) < 1);
  const rich = alias.filter((place) => (stays[place] ?? 0) >= 1);
  for (let from = poor.pop(), to = rich.at(-1); from !== undefined && to !== undefined; to = rich.at(-1)) {
    // What the poor place lacks is filled by the rich one, which may be poor itself then.
    alias[from] = to;
    const left = (stays[to] ?? 0) - (1 - (stays[from] ?? 0));
    stays[to] = left;
    if (left < 1) {
      rich.pop();
      from = to;
    } else from = poor.pop();
  }
  return { stays, alias };
}
