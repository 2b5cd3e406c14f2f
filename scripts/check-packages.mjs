// Checks every package as it would be published: its manifest with publint, its types with attw.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'node-replicated-pack-'));
const run = (command, args, cwd) => execFileSync(command, args, { cwd, stdio: 'inherit' });
const bin = (name) => resolve('node_modules/.bin', name);

try {
  for (const name of readdirSync('packages')) {
    const cwd = resolve('packages', name);
    const packed = execFileSync(
      'npx',
      ['--yes', 'pnpm@12.21.0', 'pack', '--json', '--pack-destination', folder],
      { cwd, encoding: 'utf8' },
    );
    const { filename } = JSON.parse(packed.slice(packed.indexOf('{')));
    run(bin('publint'), ['run', '--strict', filename], cwd);
    run(bin('attw'), ['--profile', 'esm-only', filename], cwd);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
