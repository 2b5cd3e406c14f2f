import type { RoleSwitch } from '@node-replicated/core/adapter';
import { isDecoratedMethod } from './decorate-method.js';
import { type AnyFunction, isCallable, isClass } from './function-identity.js';
import { memberName, notDecorable } from './not-decorable.js';
import { wrapFunction } from './wrap-function.js';

/** A class, also an abstract one or one with a private constructor. */
export interface Class {
  readonly name: string;
  readonly prototype: object;
}

/** What a class decorator has wrapped: a class further down that has a decorator of its own starts from this. */
const covered = new WeakMap<AnyFunction, AnyFunction>();

/**
 * Switches the role in every method of a class, instance and static, its own and those it inherits from other
 * classes. Left alone are methods with a decorator of their own, the constructor, accessors and fields, and what
 * comes from built-in classes. The class stays the same object; base classes are not touched.
 *
 * @throws ERR_DECORATOR naming a method that is frozen
 */
export function decorateClass(target: Class, roleSwitch: RoleSwitch): void {
  const line = lineage(target);
  const prototypes = line.map((level) => level.prototype);
  coverMethods(target.prototype, prototypes, roleSwitch, ({ value }) => isCallable(value));
  // What is enumerable on a class is a static field.
  coverMethods(target, line, roleSwitch, ({ value, enumerable }) => isCallable(value) && enumerable !== true);
}

function coverMethods(
  owner: object,
  levels: readonly object[],
  roleSwitch: RoleSwitch,
  isMethod: (descriptor: PropertyDescriptor) => boolean,
): void {
  const seen = new Set<PropertyKey>(['constructor']);
  for (const level of levels) {
    for (const key of Reflect.ownKeys(level)) {
      if (seen.has(key)) continue;
      seen.add(key);
      const descriptor = Object.getOwnPropertyDescriptor(level, key);
      if (descriptor === undefined || !isMethod(descriptor)) continue;
      const method: AnyFunction = descriptor.value;
      if (isDecoratedMethod(method)) continue;
      const wrapper = coverMethod(method, roleSwitch);
      if (Reflect.defineProperty(owner, key, { ...descriptor, value: wrapper })) continue;
      const advice = 'it is frozen; place the decorator that freezes it above this one';
      throw notDecorable(roleSwitch.by, memberName(owner, key), advice);
    }
  }
}

function coverMethod(method: AnyFunction, roleSwitch: RoleSwitch): AnyFunction {
  const original = covered.get(method) ?? method;
  const wrapper = wrapFunction(original, roleSwitch, method);
  covered.set(wrapper, original);
  return wrapper;
}

/** A class and the classes it inherits from, nearest first, up to a built-in one or one in function style. */
function lineage(target: Class): Class[] {
  const line = [target];
  for (let base = Object.getPrototypeOf(target); isClass(base) && !isBuiltIn(base); ) {
    line.push(base);
    base = Object.getPrototypeOf(base);
  }
  return line;
}

function isBuiltIn(base: unknown): boolean {
  return Function.prototype.toString.call(base).endsWith('{ [native code] }');
}
