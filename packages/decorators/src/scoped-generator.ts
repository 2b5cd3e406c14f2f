import { types } from 'node:util';
import { currentScope, runInScope, type Scope } from '@node-replicated/core/adapter';
import type { AnyFunction } from './function-identity.js';

type Stepped = Generator | AsyncGenerator;

const steps = ['next', 'return', 'throw'] as const;
const generatorKinds = [function* () {}, async function* () {}].map((made) => Object.getPrototypeOf(made));

/**
 * Whether calling a function makes a generator or an async generator of its own. A wrapper that took the
 * identity of such a function counts too.
 */
export function isGeneratorFunction(fn: AnyFunction): boolean {
  return types.isGeneratorFunction(fn) || generatorKinds.includes(Object.getPrototypeOf(fn));
}

/**
 * Makes every step of a fresh generator run inside a scope, because its body runs then and not at the call. The
 * generator stays the same object, so that its prototype chain and `instanceof` hold, and it keeps its scope
 * whoever steps it: a stream that drains elsewhere, another request.
 */
export function keepInScope(made: unknown, scope: Scope): unknown {
  if (!types.isGeneratorObject(made)) return made;
  const generator: Stepped = made;
  for (const step of steps) {
    const original: AnyFunction = generator[step];
    Object.defineProperty(generator, step, {
      value: (...given: unknown[]): unknown =>
        stepInside(scope, () => Reflect.apply(original, generator, given)),
      configurable: true,
      writable: true,
    });
  }
  return generator;
}

/** A lock that the consumer of the same request holds counts for the steps that it takes. */
function stepInside(scope: Scope, step: () => unknown): unknown {
  const here = currentScope();
  return here?.locked === true && here.session === scope.session ? step() : runInScope(scope, step);
}
