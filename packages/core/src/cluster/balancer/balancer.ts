import { ReplicationError } from '../../errors.js';
import { type Balancer, candidateAt } from './balanced.js';
import { roundRobin } from './round-robin.js';
import { SlowStart } from './slow-start.js';
import { expectedMs, load, twoChoices } from './two-choices.js';
import { WeightedDraw } from './weighted-draw.js';
import { zoneFirst } from './zone-first.js';

/** The balancers that come with the library. */
export type BalancerName = 'least-busy' | 'round-robin' | 'random' | 'fastest';

/** What the balancers that come with the library go by. */
export interface BalancerSettings {
  /** Gives numbers from 0 to below 1. */
  readonly random: () => number;
  /** ms of the clock that `backSince` is read from. */
  readonly now: () => number;
  /** Where this process is; undefined: it does not matter. */
  readonly zone: string | undefined;
  /** For how many ms a node that came back gets less than its share. */
  readonly slowStartMs: number;
}

/**
 * The balancer of a name, with zone and slow start around it, or a given function as it is.
 *
 * @throws ERR_OPTION when there is none of that name
 */
export function createBalancer(choice: BalancerName | Balancer, settings: BalancerSettings): Balancer {
  if (typeof choice === 'function') return choice;
  const { random, now, zone, slowStartMs } = settings;
  const slowStart = slowStartMs > 0 ? new SlowStart(slowStartMs, now, random) : undefined;
  const make = (): Balancer => {
    const balance = plainBalancer(choice, random);
    return slowStart?.around(balance) ?? balance;
  };
  if (zone === undefined) return make();
  return zoneFirst(zone, make, (candidate) => slowStart?.takes(candidate) ?? true);
}

function plainBalancer(name: BalancerName, random: () => number): Balancer {
  switch (name) {
    case 'least-busy':
      return twoChoices(load, random);
    case 'fastest':
      return twoChoices(expectedMs, random);
    case 'round-robin':
      return roundRobin();
    case 'random':
      return byChance(random);
    default:
      throw new ReplicationError(
        'ERR_OPTION',
        "balance: must be 'least-busy', 'round-robin', 'random', 'fastest' or a function.",
      );
  }
}

function byChance(random: () => number): Balancer {
  const draw = new WeightedDraw(random);
  return (candidates) => candidateAt(candidates, draw.index(candidates));
}
