import { badOption } from '@node-replicated/core/adapter';
import { longestTimer, requireNumber } from './number-option.js';

/** The bulkhead around reads on the primary: however many there are, they leave the writers alone. */
export interface PrimaryReadsOptions {
  /** Connections for reads on the primary, apart from those for writes. @default the pool's `max` */
  readonly max?: number;
  /**
   * For how many ms a read waits for one of them before it fails with ERR_OVERLOADED; no longer than
   * `connectionTimeoutMillis`, where that is set. @default 2000
   */
  readonly queueTimeoutMs?: number;
  /** How many reads may wait at a time: the next one fails at once. @default 1000 */
  readonly maxQueue?: number;
}

/** Resolved {@link PrimaryReadsOptions}. */
export interface PrimaryReadsSettings {
  /** undefined: what the node has for its pools. */
  readonly max: number | undefined;
  readonly queueTimeoutMs: number;
  readonly maxQueue: number;
}

/**
 * Checks the options and fills in defaults.
 *
 * @param connectionTimeoutMillis for how long a pool's user waits for a connection at most; 0 or undefined: for ever
 * @throws ERR_OPTION, naming the option
 */
export function resolvePrimaryReads(
  options: PrimaryReadsOptions | undefined,
  connectionTimeoutMillis: number | undefined,
): PrimaryReadsSettings {
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw badOption('primaryReads', 'must be an object');
  }
  const { max, queueTimeoutMs = 2_000, maxQueue = 1_000 } = options ?? {};
  if (max !== undefined) requireNumber('primaryReads.max', max, 1, Number.MAX_SAFE_INTEGER);
  requireNumber('primaryReads.queueTimeoutMs', queueTimeoutMs, 0, longestTimer);
  requireNumber('primaryReads.maxQueue', maxQueue, 0, Number.MAX_SAFE_INTEGER);
  return Object.freeze({
    max,
    queueTimeoutMs: Math.min(queueTimeoutMs, connectionTimeoutMillis || queueTimeoutMs),
    maxQueue,
  });
}
