import { currentScope, type RoleSwitch, runInScope, runWithSwitch } from '@node-replicated/core/adapter';
import { type AnyFunction, takeIdentity } from './function-identity.js';
import { isGeneratorFunction, keepInScope } from './scoped-generator.js';

/**
 * Returns a function that does what another does, with the role switched for the length of each call: until a
 * sync function returns, until an async one settles, and during each step of a generator. The caller's own
 * scope is never changed.
 *
 * @param identity whose name, length, properties and metadata the wrapper takes. @default `fn`
 */
export function wrapFunction<F extends AnyFunction>(
  fn: F,
  roleSwitch: RoleSwitch,
  identity: AnyFunction = fn,
): F {
  const wrapper = isGeneratorFunction(fn) ? wrapGenerator(fn, roleSwitch) : wrapCall(fn, roleSwitch);
  takeIdentity(wrapper, identity);
  return wrapper as F;
}

// The wrappers are written as methods: these have no `prototype` of their own that the original's would meet.

function wrapCall(fn: AnyFunction, roleSwitch: RoleSwitch): AnyFunction {
  const { wrapper } = {
    wrapper(this: unknown, ...given: unknown[]): unknown {
      return runWithSwitch(roleSwitch, (): unknown => Reflect.apply(fn, this, given));
    },
  };
  return wrapper;
}

function wrapGenerator(fn: AnyFunction, roleSwitch: RoleSwitch): AnyFunction {
  const { wrapper } = {
    wrapper(this: unknown, ...given: unknown[]): unknown {
      const call = (): unknown => Reflect.apply(fn, this, given);
      const scope = runWithSwitch(roleSwitch, currentScope);
      return scope === undefined ? call() : keepInScope(runInScope(scope, call), scope);
    },
  };
  return wrapper;
}
