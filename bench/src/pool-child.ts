import { serveParent } from './parent-program.js';
import { openPoolSide, type PoolOrder } from './pool-sides.js';

/*
 * The program of a child process: it opens the pools that the command line orders, for one side or for several, and
 * proves that they reach the right servers. A message says which side works, and for how many ms.
 */

const [text = '[]'] = process.argv.slice(2);
const orders = JSON.parse(text) as readonly PoolOrder[];
const sides = await Promise.all(orders.map(openPoolSide));
serveParent('ready', async (message) => {
  const [index, ms] = message as readonly [number, number];
  const side = sides[index];
  if (side === undefined) throw new RangeError(`There is no side ${index}.`);
  return { ...(await side.slice(ms)) };
});
