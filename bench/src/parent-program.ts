import type { Serializable } from 'node:child_process';

/**
 * Serves the program that has started this one: says that it is ready, answers each message, and ends with it.
 *
 * @param answer to a message; what it throws is told instead
 */
export function serveParent(ready: Serializable, answer: (message: unknown) => Promise<Serializable>): void {
  process.once('disconnect', () => process.exit());
  process.on('message', (message) => {
    answer(message).then(tell, (error: unknown) => tell({ error: String(error) }));
  });
  tell(ready);
}

function tell(message: Serializable): void {
  process.send?.(message);
}
