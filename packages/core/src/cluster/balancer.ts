import { ReplicationError } from '../errors.js';

/** What a balancer may look at. */
export interface Balanced {
  /** How many statements it is working on for this process. */
  readonly busy: number;
}

/**
 * Chooses one of the candidates, of which there is at least one. It must not look at all of them: the cost of a
 * choice does not grow with their number.
 */
export type Balancer = <T extends Balanced>(candidates: readonly T[]) => T;

/** The balancers that come with the library. */
export type BalancerName = 'least-busy' | 'round-robin' | 'random';

/**
 * The balancer of a name, or a given function.
 *
 * @param random gives numbers from 0 to below 1
 * @throws ERR_OPTION when there is none of that name
 */
export function createBalancer(choice: BalancerName | Balancer, random: () => number): Balancer {
  switch (choice) {
    case 'least-busy':
      return leastBusy(random);
    case 'round-robin':
      return roundRobin();
    case 'random':
      return (candidates) => at(candidates, Math.floor(random() * candidates.length));
    default:
      if (typeof choice === 'function') return choice;
      throw new ReplicationError(
        'ERR_OPTION',
        "balance: must be 'least-busy', 'round-robin', 'random' or a function.",
      );
  }
}

/**
 * Of two candidates chosen by chance, the one with less to do. Two are enough to keep the fullest queue short:
 * M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
 */
function leastBusy(random: () => number): Balancer {
  return (candidates) => {
    const { length } = candidates;
    const first = Math.floor(random() * length);
    if (length === 1) return at(candidates, 0);
    const second = (first + 1 + Math.floor(random() * (length - 1))) % length;
    const a = at(candidates, first);
    const b = at(candidates, second);
    return b.busy < a.busy ? b : a;
  };
}

function roundRobin(): Balancer {
  let turn = 0;
  return (candidates) => {
    turn = (turn + 1) % candidates.length;
    return at(candidates, turn);
  };
}

function at<T>(candidates: readonly T[], index: number): T {
  const chosen = candidates[index];
  if (chosen === undefined) throw new RangeError('A balancer was asked to choose from nothing.');
  return chosen;
}
