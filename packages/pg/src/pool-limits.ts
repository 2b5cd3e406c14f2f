import type pg from 'pg';

/** The longest time, in ms, that a timer of Node's can wait: whoever wants more wants no end. */
const longestMs = 2 ** 31 - 1;

/** How many connections a pool has, and for how long. */
export interface PoolLimits {
  readonly max: number;
  /** As many stay, however long they are idle. */
  readonly min: number;
  /** For how many ms one may be idle; 0: for ever. */
  readonly idleTimeoutMs: number;
  /** For how many ms one is waited for; 0: for ever. */
  readonly patienceMs: number;
  /** How often one is used. */
  readonly maxUses: number;
  /** How many ms old one may become; 0: as old as it likes. */
  readonly maxLifetimeMs: number;
  /** Whether an idle connection lets the process end. */
  readonly allowExitOnIdle: boolean;
}

/** The limits that a pool is given, with pg-pool's defaults. */
export function poolLimits(config: pg.PoolConfig): PoolLimits {
  const { idleTimeoutMillis = 10_000 } = config;
  return {
    max: maxOf(config),
    min: config.min || 0,
    idleTimeoutMs: orForEver(idleTimeoutMillis),
    patienceMs: orForEver(config.connectionTimeoutMillis),
    maxUses: config.maxUses || Number.POSITIVE_INFINITY,
    maxLifetimeMs: orForEver((config.maxLifetimeSeconds || 0) * 1_000),
    allowExitOnIdle: config.allowExitOnIdle ?? false,
  };
}

function orForEver(ms: number | null | undefined): number {
  return !ms || ms > longestMs ? 0 : ms;
}

/** How many connections a pool may have; `poolSize` is what pg-pool once called it. */
export function maxOf(config: pg.PoolConfig): number {
  const poolSize: unknown = Reflect.get(config, 'poolSize');
  return config.max || (typeof poolSize === 'number' && poolSize) || 10;
}
