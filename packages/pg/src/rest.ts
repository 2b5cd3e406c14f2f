import type { Clock } from '@node-replicated/core/cluster';

/** The pause, in ms, before a statement that was refused again and again asks once more. */
const restMs = 100;

/** A node may answer probes and yet let nobody in: it is not asked without a pause. */
export function rest(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.after(restMs, resolve, true));
}
