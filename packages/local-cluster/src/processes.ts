import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** One row of the process table. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** As `ps` says it: `T` stopped, `Z` dead but not yet collected. */
  readonly state: string;
  readonly command: string;
}

/** The process table, without the dead. Synchronous, because it also serves while a process exits. */
export function listProcesses(): ProcessInfo[] {
  const all = process.platform === 'linux' ? readProc() : parsePs(runPs());
  return all.filter(({ state }) => state !== 'Z');
}

export function childrenOf(pid: number, all: readonly ProcessInfo[]): ProcessInfo[] {
  return all.filter((candidate) => candidate.parent === pid);
}

/**
 * The server programs of a cluster folder, those of an HA engine and Redis included, and all that descends from them.
 *
 * The folder's name is random and is part of each command line (`-D`, or `cluster_name` in the title
 * of a server process), so a number that the system has given to another process is never hit.
 */
export function serverProcesses(folderName: string, all: readonly ProcessInfo[]): ProcessInfo[] {
  const found = new Set(all.filter(({ command }) => isServer(command) && command.includes(folderName)));
  for (const ancestor of found) {
    for (const child of childrenOf(ancestor.pid, all)) found.add(child);
  }
  return [...found];
}

/** Sends a signal to a process that may have gone in the meantime. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Reads the text of /proc/PID/stat; the program's name in it may hold spaces and parentheses. */
export function parseStat(pid: number, stat: string, command: string): ProcessInfo {
  const [state = '', parent = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { pid, parent: Number(parent), state, command };
}

/** Reads what `ps -o pid=,ppid=,state=,command=` prints. */
export function parsePs(output: string): ProcessInfo[] {
  return output.split('\n').flatMap((line) => {
    const [, pid, parent, state = '', command = ''] = /^\s*(\d+)\s+(\d+)\s+(\w)\S*\s+(.*)$/.exec(line) ?? [];
    return pid ? [{ pid: Number(pid), parent: Number(parent), state, command }] : [];
  });
}

function isServer(command: string): boolean {
  return /^(\S*\/)?(postgres|initdb|pg_\w+|etcd|python3|redis-server)(:|\s|$)/.test(command);
}

function runPs(): string {
  return spawnSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,state=,command='], { encoding: 'utf8' }).stdout;
}

function readProc(): ProcessInfo[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return [parseStat(Number(entry), stat, command)];
    } catch {
      return []; // it ended between the two looks
    }
  });
}
