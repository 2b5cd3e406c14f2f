import { setTimeout as sleep } from 'node:timers/promises';
import { LocalClusterError } from './errors.js';

export interface WaitOptions {
  /** Ends the sentence "Gave up after N ms waiting for …". */
  readonly what: string;
  readonly timeoutMs: number;
  /** @default 10 */
  readonly everyMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Text appended to the error, for example the end of a log. */
  readonly evidence?: () => Promise<string>;
}

/**
 * Asks again and again until the answer is yes.
 *
 * @throws LocalClusterError `ERR_CLUSTER_TIMEOUT`; the signal's reason when it is aborted
 */
export async function waitUntil(
  check: () => boolean | Promise<boolean>,
  { what, timeoutMs, everyMs = 10, signal, evidence }: WaitOptions,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    if (await check()) return;
    if (performance.now() >= deadline) {
      const more = evidence ? `\n${await evidence()}` : '';
      throw new LocalClusterError(
        'ERR_CLUSTER_TIMEOUT',
        `Gave up after ${timeoutMs} ms waiting for ${what}.${more}`,
      );
    }
    // An abort ends the pause early; the loop's first line then throws its reason.
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}
