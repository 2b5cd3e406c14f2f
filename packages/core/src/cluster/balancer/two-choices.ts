import { type Balanced, type Balancer, candidateAt } from './balanced.js';
import { WeightedDraw } from './weighted-draw.js';

/**
 * Of two candidates drawn by chance, the one that costs less; of equal ones the first, so that idle candidates are
 * chosen by their weights. Two are enough to keep the fullest queue short: M. Mitzenmacher, "The Power of Two Choices
 * in Randomized Load Balancing", 2001.
 */
export function twoChoices(cost: (candidate: Balanced) => number, random: () => number): Balancer {
  const draw = new WeightedDraw(random);
  return (candidates) => {
    const { length } = candidates;
    const first = draw.index(candidates);
    const a = candidateAt(candidates, first);
    if (length === 1) return a;
    let second = draw.index(candidates);
    if (second === first) second = (first + 1 + Math.floor(random() * (length - 1))) % length;
    const b = candidateAt(candidates, second);
    return cost(b) < cost(a) ? b : a;
  };
}

/** How much it has to do. */
export function load({ busy, weight }: Balanced): number {
  return busy / weight;
}

/**
 * How long it is likely to take, with what it has to do already: the cost function of Twitter's Finagle for its
 * "Peak EWMA" balancer.
 */
export function expectedMs({ busy, weight, latencyMs = 0 }: Balanced): number {
  return (latencyMs * (busy + 1)) / weight;
}
