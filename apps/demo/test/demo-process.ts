import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** A folder for the temporary files of the demos of one test file, so that what they leave there is theirs. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'demo-test-'));
  // Under root the servers run as somebody else.
  chmodSync(folder, 0o755);
  return folder;
}

/** The built demo, in a process of its own. */
export class DemoProcess {
  readonly child: ChildProcess;
  readonly #folder: string;
  readonly #end: Promise<unknown[]>;
  #output = '';

  constructor(folder: string, ...args: readonly string[]) {
    const env = { ...process.env, TMPDIR: folder };
    this.#folder = folder;
    this.child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#end = once(this.child, 'close');
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        this.#output += chunk;
      });
    }
  }

  /** All that it has printed. */
  get output(): string {
    return this.#output;
  }

  /** Waits until a condition holds; fails with what was printed when the process ends before. */
  async until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.child.exitCode !== null) throw new Error(`It ended too early: ${this.#output}`);
      await sleep(10);
    }
  }

  /** Waits for the first match of a pattern in what it prints. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return this.until(() => pattern.exec(this.#output) ?? undefined);
  }

  /** The name of its cluster's folder, once there is one and a server runs in it. */
  cluster(): Promise<string> {
    return this.until(() => clusterFolders(this.#folder).find((name) => processesOf(name).length > 1));
  }

  /** Its exit code, or the signal that ended it. */
  async ended(): Promise<unknown> {
    const [code, signal] = await this.#end;
    return signal ?? code;
  }
}

export function clusterFolders(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => /^node-replicated-[0-9a-f]{12}$/.test(name));
}

/** The command lines that name a cluster: those of its servers, and of who watches over them. */
export function processesOf(cluster: string): readonly string[] {
  return commandLines().filter((command) => command.includes(cluster));
}

function commandLines(): readonly string[] {
  if (!existsSync('/proc/self/cmdline')) {
    return spawnSync('ps', ['-A', '-ww', '-o', 'command='], { encoding: 'utf8' }).stdout.split('\n');
  }
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      return [readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ')];
    } catch {
      return []; // it ended between the two looks
    }
  });
}
