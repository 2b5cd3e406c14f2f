import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { namesOfExamples } from '../integration/examples.js';

const folder = resolve(import.meta.dirname, '../../docs/libraries');
const index = readFileSync(join(folder, 'README.md'), 'utf8');
const pages = readdirSync(folder).filter((file) => file !== 'README.md');

it.each(pages)('%s has a test of its name, and an example for it', (page) => {
  const name = page.replace(/\.md$/, '');
  expect(existsSync(join(import.meta.dirname, `${name}.test.ts`))).toBe(true);
  expect(namesOfExamples(join('docs/libraries', page))).toContain(`${name}.ts`);
});

it.each(pages)('%s has a row in the index, with the version that is tested', (page) => {
  const row = index.split('\n').find((line) => line.includes(`](${page})`)) ?? '';
  const [, , tested = ''] = row.split('|');
  const [name = '', version] = tested.trim().split(' ');
  expect(version).toBe(installed(name));
});

function installed(name: string): string {
  const manifest = readFileSync(join(import.meta.dirname, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
