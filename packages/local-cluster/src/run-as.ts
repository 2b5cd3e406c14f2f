import { readFileSync } from 'node:fs';

/** The user that server programs run as and that owns their files. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

/**
 * PostgreSQL refuses to run as root, so root lends its servers to `nobody`.
 *
 * @returns undefined when this process is an ordinary user, who runs the servers himself
 */
export function unprivilegedUser(): RunAs | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return parseNobody(readFileSync('/etc/passwd', 'utf8'));
}

/** Finds `nobody` in the text of a passwd file; 65534 where it is missing. */
export function parseNobody(passwd: string): RunAs {
  const line = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(passwd);
  return { uid: Number(line?.[1] ?? 65_534) >>> 0, gid: Number(line?.[2] ?? 65_534) >>> 0 };
}

/** The same user in the form that `spawn` takes: signed, since macOS says -2. */
export function spawnIdentity(runAs: RunAs | undefined): { uid?: number; gid?: number } {
  return runAs ? { uid: runAs.uid | 0, gid: runAs.gid | 0 } : {};
}

/**
 * The environment for server programs: ours, without what would steer libpq or the locale.
 * A `PGOPTIONS` or `PGSSLMODE` of the developer must not reach the replicas' connections.
 */
export function serverEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}
