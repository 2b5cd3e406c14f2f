import type { Role, UsePrimaryOptions, UseReplicaOptions } from '@node-replicated/core';
import { toRoleSwitch } from '@node-replicated/core/adapter';
import { type AnyFunction, isCallable } from './function-identity.js';
import { notDecorable } from './not-decorable.js';
import { wrapFunction } from './wrap-function.js';

/**
 * Wraps a route handler so that its statements go to the primary. The wrapper has the type, name, length and
 * `this` of the handler, so frameworks that count parameters treat it alike.
 *
 * @throws ERR_DECORATOR when there is no function to wrap; ERR_OPTION for a setting that does not exist
 */
export function onPrimary<F extends AnyFunction>(handler: F): F;
export function onPrimary<F extends AnyFunction>(options: UsePrimaryOptions, handler: F): F;
export function onPrimary(...given: unknown[]): unknown {
  return wrapHandler('primary', 'onPrimary()', given);
}

/**
 * Wraps a route handler so that its statements go to a replica. Statements that turn out to write still run on
 * the primary. The wrapper has the type, name, length and `this` of the handler.
 *
 * @throws ERR_DECORATOR when there is no function to wrap; ERR_OPTION for a setting that does not exist, or a
 *   value it cannot have
 */
export function onReplica<F extends AnyFunction>(handler: F): F;
export function onReplica<F extends AnyFunction>(options: UseReplicaOptions, handler: F): F;
export function onReplica(...given: unknown[]): unknown {
  return wrapHandler('replica', 'onReplica()', given);
}

/**
 * The same as {@link onPrimary}.
 * @alias
 */
export const onMaster: typeof onPrimary = onPrimary;

/**
 * The same as {@link onReplica}.
 * @alias
 */
export const onSlave: typeof onReplica = onReplica;

function wrapHandler(role: Role, by: string, given: readonly unknown[]): AnyFunction {
  const [options, handler] = given.length > 1 ? given : [undefined, given[0]];
  const roleSwitch = toRoleSwitch(role, options, by);
  if (isCallable(handler)) return wrapFunction(handler, roleSwitch);
  const what = typeof handler === 'function' ? 'a class' : `a value of type ${typeof handler}`;
  throw notDecorable(by, what, 'give it the handler, as the last argument');
}
