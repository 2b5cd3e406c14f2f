import type pg from 'pg';

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
  /** How old one may become; 0: as old as it likes. */
  readonly maxLifetimeSeconds: number;
  /** Whether an idle connection lets the process end. */
  readonly allowExitOnIdle: boolean;
}

/** The limits that a pool is given, with pg-pool's defaults. */
export function poolLimits(config: pg.PoolConfig): PoolLimits {
  const { idleTimeoutMillis = 10_000 } = config;
  return {
    max: maxOf(config),
    min: config.min || 0,
    idleTimeoutMs: idleTimeoutMillis || 0,
    patienceMs: config.connectionTimeoutMillis || 0,
    maxUses: config.maxUses || Number.POSITIVE_INFINITY,
    maxLifetimeSeconds: config.maxLifetimeSeconds || 0,
    allowExitOnIdle: config.allowExitOnIdle ?? false,
  };
}

/** How many connections a pool may have; `poolSize` is what pg-pool once called it. */
export function maxOf(config: pg.PoolConfig): number {
  const poolSize: unknown = Reflect.get(config, 'poolSize');
  return config.max || (typeof poolSize === 'number' && poolSize) || 10;
}
