import { onReplicationEvent } from '@node-replicated/core';
import type { ReplicatedPool } from '@node-replicated/pg';

const limitMs = 15_000;

/**
 * Waits until a pool can use all of its nodes.
 *
 * @throws an Error that says how the nodes are, after 15 s; the signal's reason when it is aborted
 */
export async function allNodesUp(pool: ReplicatedPool, signal: AbortSignal): Promise<void> {
  const isUp = (): boolean => pool.status().nodes.every(({ state }) => state === 'up');
  if (isUp()) return;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  await new Promise<void>((resolve, reject) => {
    const finish = (act: () => void): void => {
      stopListening();
      limit.removeEventListener('abort', onAbort);
      act();
    };
    const onAbort = (): void => finish(() => reject(signal.aborted ? signal.reason : notUp(pool)));
    const stopListening = onReplicationEvent('node-changed', () => {
      if (isUp()) finish(resolve);
    });
    if (limit.aborted) onAbort();
    else limit.addEventListener('abort', onAbort);
  });
}

function notUp(pool: ReplicatedPool): Error {
  const nodes = pool.status().nodes.map(({ name, state, error }) => `${name} is ${state} (${error ?? ''})`);
  return new Error(`Not all nodes are up after ${limitMs} ms: ${nodes.join('; ')}`);
}
