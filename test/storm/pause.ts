import { setTimeout as sleep } from 'node:timers/promises';

/** Waits so many ms, or until there is nothing more to wait for. */
export async function pause(ms: number, over: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: over }).catch(() => undefined);
}
