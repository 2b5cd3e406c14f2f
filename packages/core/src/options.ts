import { badOption, isSettings, requireSettings } from './bad-option.js';
import {
  type PinCookieOptions,
  type PinCookieSettings,
  resolveCookie,
  tokenShape,
} from './cookie-options.js';
import { compileOverrides, type Overrides, type OverrideTable } from './overrides.js';
import { PinKeeper, type PinStoreOptions } from './pin-keeper.js';
import { PinLineages } from './pin-lineages.js';
import type { PinTimes } from './pin-mark.js';
import { resolveSigner } from './secrets.js';
import type { Signer } from './signer.js';

/** The settings of the web side: one object for every adapter. */
export interface ReplicationOptions {
  /**
   * Signs the pins: the first signs, any verifies. At least 32 bytes each.
   * @default `REPLICATION_SECRET`, comma-separated; in development a random one, with a warning
   */
  readonly secret?: string | readonly string[];
  /** How long a client that wrote is kept on the primary; `false` switches pins off. @default {} */
  readonly pin?: PinOptions | false;
  /** The cookie that carries the pin; `false` for none. @default {} */
  readonly cookie?: PinCookieOptions | false;
  /**
   * Pins also move when a client reads, so that it never sees less than it has seen: no response to a request that
   * asked a database may be shared by a cache then. @default false
   */
  readonly monotonicReads?: boolean;
  /**
   * The request and response header that carries the pin, for clients that keep no cookies; `true` stands for
   * `Replication-Token`. @default false
   */
  readonly tokenHeader?: string | boolean;
  /** Where pins of clients are kept that can carry nothing. @default none */
  readonly pinStore?: PinStoreOptions;
  /** HTTP methods that only read. @default ['GET', 'HEAD'] */
  readonly safeMethods?: readonly string[];
  /** Routes that do not follow their method. @default {} */
  readonly overrides?: Overrides;
  /**
   * A request header whose value (`primary`, `replica`, `master`, `slave`) forces the role. Switch it on only
   * where a proxy removes it from what clients send. @default false
   */
  readonly forceHeader?: string | false;
  /**
   * Responses say in `Server-Timing` which nodes have served the request, in which role and why, and browsers show it.
   * It tells clients the names of nodes. @default false
   */
  readonly serverTiming?: boolean;
  /**
   * While a cluster has no primary, requests that would write are answered at once with 503 and `Retry-After`, in
   * place of their handlers. @default false
   */
  readonly refuseWritesWhenReadOnly?: boolean;
  /** The clock, in ms since the epoch. @default Date.now */
  readonly now?: () => number;
}

/** How long pins hold. A pin itself holds no duration, so a change takes effect at once. */
export interface PinOptions {
  /** For how many ms after a write a client's reads go to the primary. @default 5000 */
  readonly forMs?: number;
  /** For how many ms a pin counts at all. @default 300000 */
  readonly maxAgeMs?: number;
}

/** Resolved options, made by {@link defineReplication}. */
export interface ReplicationConfig {
  readonly pin: PinTimes | false;
  readonly cookie: PinCookieSettings | false;
  readonly monotonicReads: boolean;
  /** In small letters. */
  readonly tokenHeader: string | false;
  readonly pinKeeper: PinKeeper | undefined;
  /** Which tokens were handed to one client. */
  readonly lineages: PinLineages;
  readonly safeMethods: ReadonlySet<string>;
  readonly overrides: OverrideTable;
  readonly forceHeader: string | false;
  readonly serverTiming: boolean;
  readonly refuseWritesWhenReadOnly: boolean;
  readonly signer: Signer;
  readonly now: () => number;
}

const made = new WeakSet<object>();
const pinSettings: ReadonlySet<string> = new Set<keyof PinOptions>(['forMs', 'maxAgeMs']);
const known: ReadonlySet<string> = new Set<keyof ReplicationOptions>([
  'secret',
  'pin',
  'cookie',
  'monotonicReads',
  'tokenHeader',
  'pinStore',
  'safeMethods',
  'overrides',
  'forceHeader',
  'serverTiming',
  'refuseWritesWhenReadOnly',
  'now',
]);

/**
 * Checks the settings, fills in defaults, compiles the override map and freezes the result. Every adapter takes
 * what this returns, or the options themselves; a config that was made here is returned as it is.
 *
 * @throws ERR_OPTION, ERR_SECRET, ERR_OVERRIDE or ERR_ROLE, naming the option and what to do
 */
export function defineReplication(options: ReplicationOptions | ReplicationConfig = {}): ReplicationConfig {
  if (isConfig(options)) return options;
  requireSettings('', options, known);
  const production = process.env.NODE_ENV === 'production';
  const pin = pinTimes(options.pin);
  const config: ReplicationConfig = Object.freeze({
    pin,
    cookie: options.cookie === false ? false : resolveCookie(options.cookie, production),
    monotonicReads: flag('monotonicReads', options.monotonicReads),
    tokenHeader: headerName(
      'tokenHeader',
      options.tokenHeader === true ? 'Replication-Token' : options.tokenHeader,
    ),
    pinKeeper: pinKeeper(options.pinStore, pin),
    lineages: new PinLineages(),
    safeMethods: safeMethods(options.safeMethods),
    overrides: overrideTable(options.overrides),
    forceHeader: headerName('forceHeader', options.forceHeader),
    serverTiming: flag('serverTiming', options.serverTiming),
    refuseWritesWhenReadOnly: flag('refuseWritesWhenReadOnly', options.refuseWritesWhenReadOnly),
    signer: resolveSigner(options.secret, production, pin !== false),
    now: clock(options.now),
  });
  requirePins(config);
  made.add(config);
  return config;
}

function isConfig(options: object): options is ReplicationConfig {
  return made.has(options);
}

/** Without pins, what carries or moves them has nothing to do: that is rather a mistake than a wish. */
function requirePins({ pin, monotonicReads, tokenHeader, pinKeeper }: ReplicationConfig): void {
  if (pin !== false) return;
  const given = { monotonicReads, tokenHeader, pinStore: pinKeeper };
  for (const [name, value] of Object.entries(given)) {
    if (value !== false && value !== undefined) throw badOption(name, 'needs pins, and pin is false');
  }
}

function pinKeeper(options: PinStoreOptions | undefined, pin: PinTimes | false): PinKeeper | undefined {
  if (options === undefined) return undefined;
  return new PinKeeper(options, pin === false ? 0 : pin.maxAgeMs);
}

function pinTimes(pin: PinOptions | false = {}): PinTimes | false {
  if (pin === false) return false;
  if (!isSettings(pin)) throw badOption('pin', 'must be an object or false');
  requireSettings('pin', pin, pinSettings);
  const { forMs = 5_000, maxAgeMs = 300_000 } = pin;
  if (!isDuration(forMs)) throw badOption('pin.forMs', 'must be a number of ms, zero or more');
  if (!isDuration(maxAgeMs) || maxAgeMs === 0)
    throw badOption('pin.maxAgeMs', 'must be a number of ms above zero');
  if (maxAgeMs < forMs) throw badOption('pin.maxAgeMs', 'must not be shorter than pin.forMs');
  return Object.freeze({ forMs, maxAgeMs });
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function safeMethods(methods: readonly string[] = ['GET', 'HEAD']): ReadonlySet<string> {
  if (
    !Array.isArray(methods) ||
    !methods.every((method) => typeof method === 'string' && tokenShape.test(method))
  ) {
    throw badOption('safeMethods', "must be a list of HTTP methods, such as ['GET', 'HEAD']");
  }
  return new Set(methods.map((method) => method.toUpperCase()));
}

function overrideTable(overrides: Overrides = {}): OverrideTable {
  if (!isSettings(overrides)) throw badOption('overrides', 'must be an object of routes and roles');
  return compileOverrides(overrides);
}

function headerName(option: string, name: string | false = false): string | false {
  if (name === false) return false;
  if (typeof name !== 'string' || !tokenShape.test(name))
    throw badOption(option, 'must be a header name or false');
  return name.toLowerCase();
}

function flag(option: string, given: boolean = false): boolean {
  if (typeof given !== 'boolean') throw badOption(option, 'must be true or false');
  return given;
}

function clock(now: () => number = Date.now): () => number {
  if (typeof now !== 'function') throw badOption('now', 'must be a function');
  return now;
}
