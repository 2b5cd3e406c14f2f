import type { NodeOptions } from './node-options.js';

/**
 * Finds out which nodes there are, all of them. It is called at the start, every `discoverIntervalMs`, and soon
 * after a node or the primary was lost. What a node does not say, such as user and database, is taken from the
 * pool's settings. Who is who is observed; an error, or an empty list, leaves the nodes that are known.
 *
 * @param options its `signal` is aborted when the answer comes too late to count
 */
export type Discover = (options: { readonly signal: AbortSignal }) => Promise<readonly NodeOptions[]>;
