import type { EventEmitter } from 'node:events';
import { currentScope, runInScope, type Scope } from '@node-replicated/core/adapter';

type Listener = (...args: unknown[]) => unknown;

const inScope: unique symbol = Symbol('node-replicated.listener');

/** An emitter looks into `listener` for whom a wrapper stands for, when that one is removed, or listed. */
type Wrapper = Listener & { listener?: Listener; [inScope]?: true };

/**
 * The ways to add a listener, and by which of them its wrapper is added: the emitter's own `once` makes a wrapper of
 * its own, and would not find that again inside another one.
 */
const ways = [
  { way: 'on', by: 'on', once: false },
  { way: 'addListener', by: 'addListener', once: false },
  { way: 'prependListener', by: 'prependListener', once: false },
  { way: 'once', by: 'on', once: true },
  { way: 'prependOnceListener', by: 'prependListener', once: true },
] as const;

/** Calls a function in a scope, unless the caller is in one of the same request already. */
export function applyInScope<T>(
  scope: Scope,
  fn: (...args: never[]) => T,
  self: unknown,
  args: readonly unknown[],
): T {
  if (currentScope()?.session === scope.session) return Reflect.apply(fn, self, args);
  return runInScope(scope, () => Reflect.apply(fn, self, args));
}

/**
 * Makes listeners run in their message's scope when they are added to any message of a prototype.
 *
 * @param scopeOf the scope of a message; undefined before it has one
 */
export function bindListeners(
  prototype: EventEmitter,
  scopeOf: (message: object) => Scope | undefined,
): void {
  const own = methodsOf(prototype);
  for (const { way, by, once } of ways) {
    prototype[way] = function (this: EventEmitter, event, listener) {
      const scope = isBindable(listener) ? scopeOf(this) : undefined;
      if (scope === undefined) {
        return Reflect.apply(own[way], this, [event, listener]);
      }
      const wrapper = once ? onceIn(scope, this, event, listener) : wrapperIn(scope, listener);
      return Reflect.apply(own[by], this, [event, wrapper]);
    };
  }
}

function methodsOf({
  on,
  addListener,
  prependListener,
  once,
  prependOnceListener,
}: EventEmitter): Record<(typeof ways)[number]['way'], EventEmitter['on']> {
  return { on, addListener, prependListener, once, prependOnceListener };
}

/**
 * The function with which Node lets go of a request once its response has left. Node listens with it to nearly every
 * request, and the event comes outside the scope, which would be entered for nothing: it took more than half a µs of 20.
 */
const nodesOwn = 'clearIncoming';

/** A prototype that is bound may inherit from another one, as the application of a mounted router does. */
function isBindable(listener: unknown): boolean {
  return typeof listener === 'function' && listener.name !== nodesOwn && !(inScope in listener);
}

function wrapperIn(scope: Scope, listener: Listener): Wrapper {
  const wrapper: Wrapper = function (this: unknown, ...args) {
    return applyInScope(scope, listener, this, args);
  };
  wrapper.listener = listener;
  wrapper[inScope] = true;
  return wrapper;
}

function onceIn(scope: Scope, emitter: EventEmitter, event: string | symbol, listener: Listener): Wrapper {
  let called = false;
  const wrapper = wrapperIn(scope, function (this: unknown, ...args) {
    // Somebody else's listener may have emitted the event again.
    if (called) return undefined;
    called = true;
    emitter.removeListener(event, wrapper);
    return Reflect.apply(listener, this, args);
  });
  wrapper.listener = listener;
  return wrapper;
}
