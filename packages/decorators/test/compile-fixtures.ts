import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileProject } from './compile-project.js';

/** The two decorator systems of TypeScript; each has a tsconfig of its own in `fixtures/`. */
export type DecoratorSystem = 'legacy' | 'tc39';

/**
 * Compiles the fixtures under one decorator system.
 *
 * @returns imports a compiled file, given its path below `fixtures/`
 */
export async function compileFixtures(system: DecoratorSystem): Promise<(path: string) => Promise<unknown>> {
  const output = join(import.meta.dirname, 'dist', system);
  await rm(output, { recursive: true, force: true });
  await compileProject(join(import.meta.dirname, `fixtures/tsconfig.${system}.json`));
  return (path) => import(pathToFileURL(join(output, path)).href);
}
