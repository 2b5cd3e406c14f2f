import type { Balanced, Balancer } from './balanced.js';

/** The candidates of one zone, looked for anew when the candidates are another list. */
class ZoneMembers {
  readonly #zone: string;
  #of: readonly Balanced[] | undefined;
  #members: readonly Balanced[] = [];

  constructor(zone: string) {
    this.#zone = zone;
  }

  among<T extends Balanced>(candidates: readonly T[]): readonly T[] {
    if (candidates !== this.#of) {
      this.#members = candidates.filter(({ zone }) => zone === this.#zone);
      this.#of = candidates;
    }
    return this.#members as readonly T[];
  }
}

/**
 * Chooses in the own zone first, and among all where that has none, or is overloaded: two choices made there have as
 * many statements to work on as they can. When all others are, too, it stays at home.
 *
 * @param makeBalancer makes the balancer of the zone, and the one of all: what one works out is of no use to the other
 * @param takes whether the only one of a zone, which has come back a moment ago, takes a statement
 */
export function zoneFirst(
  zone: string,
  makeBalancer: () => Balancer,
  takes: (candidate: Balanced) => boolean,
): Balancer {
  const members = new ZoneMembers(zone);
  const inside = makeBalancer();
  const anywhere = makeBalancer();
  return (candidates) => {
    const near = members.among(candidates);
    if (near.length === 0 || near.length === candidates.length) return anywhere(candidates);
    const first = inside(near);
    if (!isFull(first) && (near.length > 1 || takes(first))) return first;
    const second = inside(near);
    if (!isFull(second) && second !== first) return second;
    const far = anywhere(candidates);
    return isFull(far) ? first : far;
  };
}

function isFull({ busy, capacity }: Balanced): boolean {
  return busy >= capacity;
}
