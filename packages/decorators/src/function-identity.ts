import type {} from 'reflect-metadata';

/** Any function, whatever it takes and returns. */
export type AnyFunction = (...args: never[]) => unknown;

/** Whether a value is a class, as opposed to a function that can be called. */
export function isClass(value: unknown): boolean {
  return (
    typeof value === 'function' && Object.getOwnPropertyDescriptor(value, 'prototype')?.writable === false
  );
}

/** Whether a value can be called without `new`. */
export function isCallable(value: unknown): value is AnyFunction {
  return typeof value === 'function' && !isClass(value);
}

/**
 * Makes a wrapper look like the function that it stands for: `name`, `length`, every other own property, its
 * kind (`AsyncFunction`, `GeneratorFunction`), and the metadata that decorators have put on it so far.
 *
 * `reflect-metadata` is looked up on `Reflect` and never loaded from here: an application without it has no
 * metadata to copy, and one that has it keeps its own copy.
 */
export function takeIdentity(wrapper: AnyFunction, original: AnyFunction): void {
  Object.setPrototypeOf(wrapper, Object.getPrototypeOf(original));
  Object.defineProperties(wrapper, Object.getOwnPropertyDescriptors(original));
  if (typeof Reflect.getOwnMetadataKeys !== 'function') return;
  for (const key of Reflect.getOwnMetadataKeys(original)) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, original), wrapper);
  }
}
