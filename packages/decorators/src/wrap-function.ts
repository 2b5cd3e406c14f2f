import type { RoleRule } from '@node-replicated/core';
import { currentScope, type RoleSwitch, runInScope, runWithSwitch } from '@node-replicated/core/adapter';
import { type AnyFunction, takeIdentity } from './function-identity.js';
import { isGeneratorFunction, keepInScope } from './scoped-generator.js';

const forced = new WeakMap<object, RoleRule>();

/**
 * What a decorated method, or one of a decorated class, forces; undefined for any other value. For those who write
 * an adapter of a framework in which more than the method itself belongs to a handler.
 */
export function forcedRule(method: object): RoleRule | undefined {
  return forced.get(method);
}

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
  // Where a function is wrapped twice, the inner rule counts, unless the outer one locks it out.
  forced.set(wrapper, (roleSwitch.lock ? undefined : forced.get(fn)) ?? roleSwitch.rule);
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
