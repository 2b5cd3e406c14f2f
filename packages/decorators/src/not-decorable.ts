import { ReplicationError } from '@node-replicated/core';

/**
 * The error of a decorator or a wrapper that stands on something without a call to switch.
 *
 * @param by what the user wrote, such as `@UsePrimary`
 * @param what the thing, with its class and member where they are known
 * @param instead what to do about it
 */
export function notDecorable(by: string, what: string, instead: string): ReplicationError {
  return new ReplicationError('ERR_DECORATOR', `${by} cannot decorate ${what}: ${instead}.`);
}

/** `PostsController.list`, from a class, a prototype or an instance, and a key. */
export function memberName(owner: unknown, key: PropertyKey): string {
  return `${className(owner) || '(anonymous class)'}.${String(key)}`;
}

/** The name of a class, or of the class of an instance or prototype; empty when it has none. */
export function className(owner: unknown): string {
  if (typeof owner === 'function') return owner.name;
  const maker: unknown = typeof owner === 'object' && owner !== null ? owner.constructor : undefined;
  return typeof maker === 'function' ? maker.name : '';
}
