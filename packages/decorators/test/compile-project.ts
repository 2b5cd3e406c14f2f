import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const compiler = join(createRequire(import.meta.url).resolve('typescript/package.json'), '../bin/tsc');

/**
 * Compiles a project with the real `tsc`, because no bundler in use here does all that decorators need. A compile
 * error is thrown: so are lines that expect one and have none.
 *
 * @param project the path of its tsconfig
 * @param output where the compiled files go. @default what the tsconfig says
 */
export function compileProject(project: string, output?: string): Promise<void> {
  const args = ['-p', project, '--pretty', 'false', ...(output === undefined ? [] : ['--outDir', output])];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [compiler, ...args], (error, stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Error(`The fixtures do not compile:\n${stdout}${stderr}`, { cause: error }));
    });
  });
}
