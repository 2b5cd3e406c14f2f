import { describe, expect, test } from 'vitest';
import type { DecoratorSystem } from './compile-fixtures.js';

/** What the decorators say to those who use them wrongly. */
export function errorContract(
  system: DecoratorSystem,
  wrong: typeof import('./fixtures/both/wrong-uses.js'),
): void {
  /** The standard system tells a member's decorator no class. */
  const ofClass = (kind: string): RegExp =>
    system === 'legacy'
      ? /the accessor Posts\.title: .*make it a method/
      : new RegExp(`the ${kind} 'title' `);

  describe('a decorator on something that it cannot decorate', () => {
    test.each([
      ['a getter', wrong.getter, 'getter'],
      ['a setter', wrong.setter, 'setter'],
      ['a static getter', wrong.staticGetter, 'getter'],
      ['an auto-accessor', wrong.autoAccessor, 'accessor'],
    ])('%s is an error that names the member', (_, use, kind) => {
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_DECORATOR' }));
      expect(use).toThrow(ofClass(kind));
    });

    test('a field that holds no function is an error that names class and field', () => {
      expect(wrong.value).toThrow(expect.objectContaining({ code: 'ERR_DECORATOR' }));
      expect(wrong.value).toThrow(/the field Posts\.title/);
    });

    test.each([
      ['an arrow function', wrong.plainFunction, /onPrimary\(handler\)/],
      ['a function', wrong.plainFunctionWithPrototype, /onReplica\(handler\)/],
      ['a function, after parentheses', wrong.calledOnPlainFunction, /onPrimary\(handler\)/],
    ])('%s is an error that names the wrapper for it', (_, use, advice) => {
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_DECORATOR' }));
      expect(use).toThrow(advice);
    });

    test('a class whose methods are frozen is an error that names the method', () => {
      expect(wrong.frozenMethods).toThrow(expect.objectContaining({ code: 'ERR_DECORATOR' }));
      expect(wrong.frozenMethods).toThrow(/Posts\.list: it is frozen/);
    });

    test.each(Object.entries(wrong.wrappers))('%s is an error', (_, use) => {
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_DECORATOR' }));
    });
  });

  test.each(Object.entries(wrong.options))('%s is an error of its own', (_, use) => {
    expect(use).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });
}
