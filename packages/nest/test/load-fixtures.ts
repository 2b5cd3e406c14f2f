import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileProject } from '../../decorators/test/compile-project.js';

/**
 * Compiles this package's fixtures, as an application of Nest is compiled.
 *
 * @param by the test file's name: each has its own, as they run at the same time
 * @returns imports a compiled file, given its name
 */
export async function compileFixtures(by: string): Promise<(name: string) => Promise<unknown>> {
  const output = join(import.meta.dirname, 'dist', by);
  await rm(output, { recursive: true, force: true });
  await compileProject(join(import.meta.dirname, 'fixtures/tsconfig.json'), output);
  return (name) => import(pathToFileURL(join(output, name)).href);
}
