import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileProject } from '../../decorators/test/compile-project.js';

/**
 * Compiles this package's fixtures, as an application of Nest is compiled.
 *
 * @returns imports a compiled file, given its name
 */
export async function compileFixtures(): Promise<(name: string) => Promise<unknown>> {
  await rm(join(import.meta.dirname, 'dist'), { recursive: true, force: true });
  await compileProject(join(import.meta.dirname, 'fixtures/tsconfig.json'));
  return (name) => import(pathToFileURL(join(import.meta.dirname, 'dist', name)).href);
}
