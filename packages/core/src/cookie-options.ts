import { badOption, requireSettings } from './bad-option.js';

/** The cookie that carries the pin. It is always `HttpOnly`. */
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

/** Resolved {@link PinCookieOptions}. */
export interface PinCookieSettings {
  readonly name: string;
  readonly path: string;
  readonly domain: string | undefined;
  readonly sameSite: 'lax' | 'strict' | 'none';
  /** undefined: as the request is. */
  readonly secure: boolean | undefined;
}

/** What RFC 9110 calls a token: the names of cookies, headers and methods. */
export const tokenShape: RegExp = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const pathShape = /^\/[!-:=-~]*$/;
const hostLabel = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?';
const domainShape = new RegExp(`^\\.?${hostLabel}(?:\\.${hostLabel})*$`, 'i');
const known: ReadonlySet<string> = new Set<keyof PinCookieOptions>([
  'name',
  'path',
  'domain',
  'sameSite',
  'secure',
]);

/**
 * Checks the cookie's options and fills in defaults.
 *
 * @throws ERR_OPTION, naming the option
 */
export function resolveCookie(options: PinCookieOptions = {}, production: boolean): PinCookieSettings {
  requireSettings('cookie', options, known);
  const { name = 'replication_pin', path = '/', domain, sameSite = 'lax', secure } = options;
  requireShape('cookie.name', name, tokenShape, 'must be a cookie name: letters, digits, - and _');
  requireShape('cookie.path', path, pathShape, 'must begin with / and hold no space or semicolon');
  if (domain !== undefined) requireShape('cookie.domain', domain, domainShape, 'must be a host name');
  if (!['lax', 'strict', 'none'].includes(sameSite)) {
    throw badOption('cookie.sameSite', "must be 'lax', 'strict' or 'none'");
  }
  if (secure !== undefined && typeof secure !== 'boolean') {
    throw badOption('cookie.secure', 'must be true or false');
  }
  const mustBeSecure = sameSite === 'none' || /^__(?:Host|Secure)-/i.test(name);
  if (mustBeSecure && secure === false) {
    throw badOption('cookie.secure', 'browsers take such a cookie only when it is secure');
  }
  return Object.freeze({
    name,
    path,
    domain,
    sameSite,
    secure: secure ?? (production || mustBeSecure ? true : undefined),
  });
}

function requireShape(name: string, value: unknown, shape: RegExp, why: string): void {
  if (typeof value !== 'string' || !shape.test(value)) throw badOption(name, why);
}
