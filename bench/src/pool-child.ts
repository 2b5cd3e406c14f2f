import { serveParent } from './parent-program.js';
import { openPoolSide, type PoolOrder } from './pool-sides.js';

/*
 * The program of a child process: it opens the pools that the command line orders, proves that they reach the right
 * servers, and works for so many ms whenever it gets a message.
 */

const [order = ''] = process.argv.slice(2);
const side = await openPoolSide(JSON.parse(order) as PoolOrder);
serveParent('ready', async (ms) => ({ ...(await side.slice(Number(ms))) }));
