import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '../..');
const block = /```ts file=(\S+)\n([\s\S]*?)```/g;

/**
 * Compiles the examples of a page, which are its blocks of TypeScript that have a file name.
 *
 * @param page its path from the root
 * @returns the folder of the compiled files
 */
export async function compileExamples(page: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const [, file = '', code = ''] of readFileSync(join(root, page), 'utf8').matchAll(block)) {
    writeFileSync(join(folder, file), code);
  }
  const compilerOptions = {
    target: 'ES2022',
    lib: ['ES2023', 'ESNext.Disposable'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    outDir: 'out',
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', folder]);
  return join(folder, 'out');
}
