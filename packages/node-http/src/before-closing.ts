import { replaceMethod } from './replace-method.js';

/** Who acts before a connection is closed. Its `destroy` is replaced once, however many requests it carries. */
const acting = new WeakMap<object, Set<() => void>>();

/**
 * Acts before somebody destroys the connection of a response, as error handlers do when an answer has begun.
 * HTTP/2 lets nobody do so for one response alone.
 *
 * @returns a function that takes it back
 */
export function beforeClosing(res: object, act: () => void): () => void {
  const socket: unknown = 'stream' in res ? undefined : Reflect.get(res, 'socket');
  if (typeof socket !== 'object' || socket === null) return () => undefined;
  const acts = acting.get(socket) ?? watch(socket);
  acts.add(act);
  return () => {
    acts.delete(act);
  };
}

function watch(socket: object): Set<() => void> {
  const acts = new Set<() => void>();
  acting.set(socket, acts);
  replaceMethod(socket, 'destroy', (original, given) => {
    for (const act of [...acts]) act();
    return Reflect.apply(original, socket, given);
  });
  return acts;
}
