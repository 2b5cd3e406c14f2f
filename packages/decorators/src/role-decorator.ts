import type { Role } from '@node-replicated/core';
import { type RoleSwitch, toRoleSwitch } from '@node-replicated/core/adapter';
import { type Class, decorateClass } from './decorate-class.js';
import { decorateLegacyMember, decorateStandardMember, type StandardContext } from './decorate-method.js';
import { type AnyFunction, isClass } from './function-identity.js';
import { notDecorable } from './not-decorable.js';

/**
 * A decorator of methods, of fields that hold a function (standard decorators alone), and of classes. It works
 * under TypeScript's `experimentalDecorators` and as a standard (TC39) decorator, and leaves every type as it is.
 *
 * Each form throws ERR_DECORATOR when it stands on something else: an accessor, a parameter, a value.
 */
export interface RoleDecorator {
  /** A method, as a standard decorator. */
  <This, F extends AnyFunction>(method: F, context: ClassMethodDecoratorContext<This>): F;
  /** A field that holds a function, as a standard decorator. */
  <This, F extends AnyFunction>(
    value: undefined,
    context: ClassFieldDecoratorContext<This, F>,
  ): (initial: F) => F;
  /** A class, as a standard decorator. */
  (target: Class, context: ClassDecoratorContext): void;
  /** A method, under `experimentalDecorators`. */
  <F extends AnyFunction>(
    owner: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<F>,
  ): TypedPropertyDescriptor<F>;
  /** A class, under `experimentalDecorators`. */
  <C extends Class>(target: C extends AnyFunction ? never : C): void;
}

/** Makes the decorator of a role: it takes options, or decorates at once when it is used without parentheses. */
export function roleDecorator(role: Role, by: string): (...given: unknown[]) => unknown {
  const bare = toRoleSwitch(role, undefined, by);
  return (...given) => {
    const [first] = given;
    if (given.length > 1 || typeof first === 'function') return decorate(given, bare);
    const roleSwitch = toRoleSwitch(role, first, by);
    return (...target: unknown[]): unknown => decorate(target, roleSwitch);
  };
}

/** The arguments tell the decorator system and the kind of thing apart. */
function decorate(given: readonly unknown[], roleSwitch: RoleSwitch): unknown {
  const [target, second, third] = given;
  if (isStandardContext(second) && second.kind !== 'class') {
    return decorateStandardMember(target, second, roleSwitch);
  }
  if (typeof second === 'string' || typeof second === 'symbol') {
    return decorateLegacyMember(target, second, third, roleSwitch);
  }
  if (third !== undefined) {
    throw notDecorable(roleSwitch.by, 'a parameter of a constructor', 'decorate a method or the class');
  }
  if (isClassValue(target)) return decorateClass(target, roleSwitch);
  const wrapper = roleSwitch.rule.role === 'primary' ? 'onPrimary(handler)' : 'onReplica(handler)';
  throw notDecorable(roleSwitch.by, 'a plain function or value', `wrap a handler with ${wrapper} instead`);
}

function isStandardContext(value: unknown): value is StandardContext {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

function isClassValue(value: unknown): value is Class {
  return isClass(value);
}
