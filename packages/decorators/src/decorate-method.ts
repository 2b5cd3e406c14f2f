import type { RoleSwitch } from '@node-replicated/core/adapter';
import { type AnyFunction, isCallable } from './function-identity.js';
import { memberName, notDecorable } from './not-decorable.js';
import { wrapFunction } from './wrap-function.js';

/** The part of a standard decorator's context that is read here; all kinds have it. */
export interface StandardContext {
  readonly kind: 'class' | 'method' | 'getter' | 'setter' | 'field' | 'accessor';
  readonly name: string | symbol | undefined;
}

const decorated = new WeakSet<AnyFunction>();

const accessorAdvice = 'an accessor has no call to switch; make it a method, or switch where it is read';
const fieldAdvice = 'only a field that holds a function can be decorated';

/** Whether a method has a decorator of its own: the decorator of its class leaves it alone. */
export function isDecoratedMethod(method: AnyFunction): boolean {
  return decorated.has(method);
}

/**
 * Decorates a member as the standard (TC39) system does it: a method is replaced, and a field's first value is.
 *
 * @throws ERR_DECORATOR for an accessor; for a field that holds no function, when an instance is made
 */
export function decorateStandardMember(
  value: unknown,
  { kind, name = '' }: StandardContext,
  roleSwitch: RoleSwitch,
): unknown {
  if (kind === 'method' && isCallable(value)) return wrapMethod(value, roleSwitch);
  if (kind !== 'field') {
    // The standard tells no class name here; the stack trace leads to the class.
    throw notDecorable(roleSwitch.by, `the ${kind} '${String(name)}' of this class`, accessorAdvice);
  }
  return function initialise(this: unknown, initial: unknown): AnyFunction {
    if (isCallable(initial)) return nameAfterField(wrapFunction(initial, roleSwitch), name);
    throw notDecorable(roleSwitch.by, `the field ${memberName(this, name)}`, fieldAdvice);
  };
}

/**
 * Decorates a member as `experimentalDecorators` does it: the descriptor's value is replaced.
 *
 * @throws ERR_DECORATOR for an accessor, a field or a parameter
 */
export function decorateLegacyMember(
  owner: unknown,
  key: string | symbol,
  descriptor: unknown,
  roleSwitch: RoleSwitch,
): PropertyDescriptor {
  const member = memberName(owner, key);
  if (typeof descriptor === 'number') {
    throw notDecorable(roleSwitch.by, `a parameter of ${member}`, 'decorate the method');
  }
  if (!isDescriptor(descriptor)) {
    const advice = 'experimentalDecorators cannot replace it; make it a method, or wrap the function in';
    const wrapper = roleSwitch.rule.role === 'primary' ? 'onPrimary()' : 'onReplica()';
    throw notDecorable(roleSwitch.by, `the field ${member}`, `${advice} ${wrapper}`);
  }
  if (descriptor.get !== undefined || descriptor.set !== undefined) {
    throw notDecorable(roleSwitch.by, `the accessor ${member}`, accessorAdvice);
  }
  const method: unknown = descriptor.value;
  if (!isCallable(method)) throw notDecorable(roleSwitch.by, `the field ${member}`, fieldAdvice);
  descriptor.value = wrapMethod(method, roleSwitch);
  return descriptor;
}

function isDescriptor(value: unknown): value is PropertyDescriptor {
  return typeof value === 'object' && value !== null;
}

/** An arrow function is named after its field; compilers that rewrite decorators lose that name. */
function nameAfterField(wrapper: AnyFunction, field: string | symbol): AnyFunction {
  if (wrapper.name !== '' || typeof field === 'symbol') return wrapper;
  return Object.defineProperty(wrapper, 'name', { value: field, configurable: true });
}

function wrapMethod(method: AnyFunction, roleSwitch: RoleSwitch): AnyFunction {
  const wrapper = wrapFunction(method, roleSwitch);
  decorated.add(wrapper);
  return wrapper;
}
