import { onReplicationEvent } from '@node-replicated/core';
import type { ReplicatedPool } from '@node-replicated/pg';

const limitMs = 15_000;

/**
 * Waits until a pool can use all of its nodes.
 *
 * @throws an Error that says how the nodes are, after 15 s; the signal's reason when it is aborted
 */
export async function allNodesUp(pool: ReplicatedPool, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const isUp = (): boolean => pool.status().nodes.every(({ state }) => state === 'up');
  if (isUp()) return;
  await new Promise<void>((resolve, reject) => {
    const finish = (act: () => void): void => {
      stopListening();
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onAbort = (): void => finish(() => reject(signal.reason));
    const timer = setTimeout(() => finish(() => reject(notUp(pool))), limitMs);
    const stopListening = onReplicationEvent('node-changed', () => {
      if (isUp()) finish(resolve);
    });
    signal.addEventListener('abort', onAbort);
  });
}

function notUp(pool: ReplicatedPool): Error {
  const nodes = pool.status().nodes.map(({ name, state, error }) => `${name} is ${state} (${error ?? '-'})`);
  return new Error(`Not all nodes are up after ${limitMs / 1_000} s: ${nodes.join('; ')}`);
}
