import { classContract } from './class-contract.js';
import type { DecoratorSystem } from './compile-fixtures.js';
import { errorContract } from './error-contract.js';
import { generatorContract } from './generator-contract.js';
import { methodContract } from './method-contract.js';

/** What both decorator systems promise: the same fixtures, compiled under each, must behave alike. */
export async function decoratorContract(
  system: DecoratorSystem,
  load: (path: string) => Promise<unknown>,
): Promise<void> {
  methodContract((await load('both/methods.js')) as typeof import('./fixtures/both/methods.js'));
  generatorContract((await load('both/generators.js')) as typeof import('./fixtures/both/generators.js'));
  classContract((await load('both/classes.js')) as typeof import('./fixtures/both/classes.js'));
  errorContract(system, (await load('both/wrong-uses.js')) as typeof import('./fixtures/both/wrong-uses.js'));
}
