import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../node_modules/.cache/node-24/', import.meta.url));
const windows = process.platform === 'win32';
const binary = join(folder, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node');

/**
 * Runs a program on Node 24, which is installed from npm when it is needed first.
 *
 * @returns its exit code
 */
export async function runOnNode24(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  if (!existsSync(binary)) await install(signal);
  return run(binary, [program, ...args], { signal });
}

/** The npm package `node` brings the binary for this machine. */
async function install(signal: AbortSignal): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', 'node@24'];
  const code = await run('npm', args, { cwd: folder, shell: windows, signal });
  if (code !== 0 || !existsSync(binary)) throw new Error(`npm could not install Node 24 into ${folder}`);
}

async function run(command: string, args: readonly string[], options: SpawnOptions): Promise<number> {
  const child = spawn(command, args, { ...options, stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
