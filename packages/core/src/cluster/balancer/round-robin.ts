import { type Balancer, candidateAt } from './balanced.js';
import { WeightedDraw } from './weighted-draw.js';

/** The step that spreads the turns most evenly: D. Knuth, "The Art of Computer Programming", volume 3, section 6.4. */
const goldenSection = (Math.sqrt(5) - 1) / 2;

/** The candidates in turn. Where they have weights, an even sequence stands in for chance, so that none waits long. */
export function roundRobin(): Balancer {
  let turn = 0;
  let point = 0;
  const draw = new WeightedDraw(() => {
    point = (point + goldenSection) % 1;
    return point;
  });
  return (candidates) => {
    if (!draw.isEven(candidates)) return candidateAt(candidates, draw.index(candidates));
    turn = (turn + 1) % candidates.length;
    return candidateAt(candidates, turn);
  };
}
