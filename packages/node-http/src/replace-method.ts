/** A method of which only the name is known. */
export type Method = (...given: unknown[]) => unknown;

/**
 * Puts a method of one's own before a method of an object, which need not have it.
 *
 * @param body is given the method that was there before, and what it is called with
 */
export function replaceMethod(
  target: object,
  name: string,
  body: (original: Method, given: readonly unknown[]) => unknown,
): void {
  const original: unknown = Reflect.get(target, name);
  if (typeof original !== 'function') return;
  const value = (...given: unknown[]): unknown => body(original as Method, given);
  Reflect.defineProperty(target, name, { value, configurable: true, enumerable: true, writable: true });
}
