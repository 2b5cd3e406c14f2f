import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '../..');
const block = /```(\w+) file=(\S+)\n([\s\S]*?)```/g;

/**
 * Compiles the examples of pages, which are their blocks of TypeScript that have a file name.
 *
 * @param pages their paths from the root
 * @param settings what the compiler is told besides
 * @returns the folder of the compiled files
 */
export async function compileExamples(
  pages: readonly string[],
  folder: string,
  settings: object = {},
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const page of pages) {
    for (const { file, code } of examplesOf(page)) writeFileSync(join(folder, file), code);
  }
  const compilerOptions = {
    target: 'ES2022',
    lib: ['ES2023', 'ESNext.Disposable'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    outDir: 'out',
    ...settings,
  };
  const careless = carelesslyTyped.filter((file) => existsSync(join(folder, file)));
  await compile(folder, { compilerOptions, include: ['*.ts'], exclude: ['nest*.ts', ...careless] });
  if (careless.length > 0) {
    await compile(folder, { compilerOptions: { ...compilerOptions, skipLibCheck: true }, include: careless });
  }
  if (existsSync(join(folder, 'nest.ts'))) {
    await compile(folder, {
      compilerOptions: { ...compilerOptions, ...withDecorators },
      include: ['nest.ts'],
    });
  }
  return join(folder, 'out');
}

/** What the examples of a page are called. */
export function namesOfExamples(page: string): readonly string[] {
  return examplesOf(page).map(({ file }) => file);
}

/** A named part of a page. */
interface PageExample {
  readonly file: string;
  readonly code: string;
}

/** The blocks of a page that are written in a language and have a file name. */
export function examplesOf(page: string, language = 'ts'): readonly PageExample[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(block)]
    .filter(([, written]) => written === language)
    .map(([, , file = '', code = '']) => ({ file, code }));
}

/** The settings of applications with decorators, such as those of Nest and of some libraries of databases. */
export const withDecorators = {
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: true,
} as const;

async function compile(folder: string, project: object): Promise<void> {
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project));
  await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', folder]);
}

/** Examples with libraries whose types, or those of their own libraries, do not pass a strict check. */
const carelesslyTyped = ['yoga.ts', 'apollo.ts', 'mercurius.ts'];
