import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The two decorator systems of TypeScript; each has a tsconfig of its own in `fixtures/`. */
export type DecoratorSystem = 'legacy' | 'tc39';

const compiler = join(createRequire(import.meta.url).resolve('typescript/package.json'), '../bin/tsc');

/**
 * Compiles the fixtures under one decorator system with the real `tsc`, because no bundler in use here does both
 * systems. A compile error fails the tests: so do lines that expect one and have none.
 *
 * @returns imports a compiled file, given its path below `fixtures/`
 */
export async function compileFixtures(system: DecoratorSystem): Promise<(path: string) => Promise<unknown>> {
  const output = join(import.meta.dirname, 'dist', system);
  await rm(output, { recursive: true, force: true });
  await run(join(import.meta.dirname, `fixtures/tsconfig.${system}.json`));
  return (path) => import(pathToFileURL(join(output, path)).href);
}

function run(project: string): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [compiler, '-p', project, '--pretty', 'false'], (error, stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Error(`The fixtures do not compile:\n${stdout}${stderr}`, { cause: error }));
    });
  });
}
