import { randomBytes } from 'node:crypto';
import { ReplicationError } from './errors.js';
import { compileOverrides, type Overrides, type OverrideTable } from './overrides.js';
import type { PinTimes } from './pin.js';
import { createSigner, type Signer } from './signer.js';

/** The settings of the web side: one object for every adapter. */
export interface ReplicationOptions {
  /**
   * Signs the pins: the first signs, any verifies. At least 32 bytes each.
   * @default `REPLICATION_SECRET`, comma-separated; in development a random one, with a warning
   */
  readonly secret?: string | readonly string[];
  /** How long a client that wrote is kept on the primary; `false` switches pins off. */
  readonly pin?: PinOptions | false;
  /** The cookie that carries the pin. */
  readonly cookie?: PinCookieOptions;
  /** HTTP methods that only read. @default ['GET', 'HEAD'] */
  readonly safeMethods?: readonly string[];
  /** Routes that do not follow their method. @default {} */
  readonly overrides?: Overrides;
  /**
   * A request header whose value (`primary`, `replica`, `master`, `slave`) forces the role. Switch it on only
   * where a proxy removes it from what clients send. @default false
   */
  readonly forceHeader?: string | false;
  /** The clock, in ms since the epoch. @default Date.now */
  readonly now?: () => number;
}

export interface PinOptions {
  /** For how many ms after a write a client's reads go to the primary. @default 5000 */
  readonly forMs?: number;
  /** For how many ms a pin counts at all. @default 300000 */
  readonly maxAgeMs?: number;
}

export interface PinCookieOptions {
  /** @default 'replication_pin' */
  readonly name?: string;
  /** @default '/' */
  readonly path?: string;
  /** @default none: the cookie belongs to the host that set it */
  readonly domain?: string;
  /** @default 'lax' */
  readonly sameSite?: 'lax' | 'strict' | 'none';
  /** Whether the cookie travels over HTTPS alone. @default true in production and for HTTPS requests */
  readonly secure?: boolean;
}

/** Resolved options, made by {@link defineReplication}. */
export interface ReplicationConfig {
  readonly pin: PinTimes | false;
  readonly cookie: Required<Omit<PinCookieOptions, 'domain' | 'secure'>> & {
    readonly domain: string | undefined;
    /** undefined: as the request is. */
    readonly secure: boolean | undefined;
  };
  readonly safeMethods: ReadonlySet<string>;
  readonly overrides: OverrideTable;
  readonly forceHeader: string | false;
  readonly signer: Signer;
  readonly now: () => number;
}

const made = new WeakSet<object>();
const tokenShape = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const known: ReadonlySet<string> = new Set<keyof ReplicationOptions>([
  'secret',
  'pin',
  'cookie',
  'safeMethods',
  'overrides',
  'forceHeader',
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
  const stranger = Object.keys(options).find((key) => !known.has(key));
  if (stranger !== undefined) throw badOption(stranger, 'there is no such option');
  const production = process.env.NODE_ENV === 'production';
  const pin = pinTimes(options.pin);
  const config: ReplicationConfig = Object.freeze({
    pin,
    cookie: cookieSettings(options.cookie, production),
    safeMethods: safeMethods(options.safeMethods),
    overrides: compileOverrides(options.overrides ?? {}),
    forceHeader: forceHeader(options.forceHeader),
    signer: createSigner(secrets(options.secret, production, pin !== false)),
    now: options.now ?? Date.now,
  });
  made.add(config);
  return config;
}

function isConfig(options: object): options is ReplicationConfig {
  return made.has(options);
}

function pinTimes(pin: ReplicationOptions['pin']): PinTimes | false {
  if (pin === false) return false;
  const { forMs = 5_000, maxAgeMs = 300_000, ...rest } = pin ?? {};
  const [stranger] = Object.keys(rest);
  if (stranger !== undefined) throw badOption(`pin.${stranger}`, 'there is no such option');
  if (!isDuration(forMs)) throw badOption('pin.forMs', 'must be a number of ms, zero or more');
  if (!isDuration(maxAgeMs) || maxAgeMs === 0)
    throw badOption('pin.maxAgeMs', 'must be a number of ms above zero');
  if (maxAgeMs < forMs) throw badOption('pin.maxAgeMs', 'must not be shorter than pin.forMs');
  return Object.freeze({ forMs, maxAgeMs });
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function cookieSettings(cookie: PinCookieOptions = {}, production: boolean): ReplicationConfig['cookie'] {
  const { name = 'replication_pin', path = '/', domain, sameSite = 'lax', secure, ...rest } = cookie;
  const [stranger] = Object.keys(rest);
  if (stranger !== undefined) throw badOption(`cookie.${stranger}`, 'there is no such option');
  if (!tokenShape.test(name))
    throw badOption('cookie.name', 'must be a cookie name: letters, digits, - and _');
  if (!/^\/[^;\s]*$/.test(path)) throw badOption('cookie.path', 'must begin with /');
  if (domain !== undefined && !/^\.?[a-z0-9.-]+$/i.test(domain))
    throw badOption('cookie.domain', 'must be a host name');
  if (!['lax', 'strict', 'none'].includes(sameSite)) {
    throw badOption('cookie.sameSite', "must be 'lax', 'strict' or 'none'");
  }
  if (secure !== undefined && typeof secure !== 'boolean')
    throw badOption('cookie.secure', 'must be true or false');
  return Object.freeze({ name, path, domain, sameSite, secure: secure ?? (production ? true : undefined) });
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

function forceHeader(name: ReplicationOptions['forceHeader'] = false): string | false {
  if (name === false) return false;
  if (typeof name !== 'string' || !tokenShape.test(name))
    throw badOption('forceHeader', 'must be a header name or false');
  return name.toLowerCase();
}

function secrets(
  given: ReplicationOptions['secret'],
  production: boolean,
  needed: boolean,
): readonly string[] {
  if (given !== undefined) {
    const list: unknown = typeof given === 'string' ? [given] : given;
    if (Array.isArray(list) && list.every((secret): secret is string => typeof secret === 'string'))
      return list;
    throw badOption('secret', 'must be a string, or a list of strings');
  }
  const fromEnvironment = process.env.REPLICATION_SECRET;
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    return fromEnvironment.split(',').map((secret) => secret.trim());
  }
  if (needed && production) {
    throw new ReplicationError(
      'ERR_SECRET',
      'There is no secret to sign pins with: set the option secret or the environment variable REPLICATION_SECRET.',
    );
  }
  if (needed) warnOnce();
  return [randomBytes(32).toString('base64url')];
}

let warned = false;

function warnOnce(): void {
  if (warned) return;
  warned = true;
  process.emitWarning(
    'Pins are signed with a random secret, which no other process knows and a restart forgets. ' +
      'Set REPLICATION_SECRET before this runs in production.',
    { type: 'ReplicationWarning', code: 'REPLICATION_RANDOM_SECRET' },
  );
}

function badOption(name: string, why: string): ReplicationError {
  return new ReplicationError('ERR_OPTION', `${name}: ${why}.`);
}
