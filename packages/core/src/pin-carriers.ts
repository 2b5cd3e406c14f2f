import { joinOf } from './cluster-registry.js';
import { publish } from './events.js';
import type { ReplicationConfig } from './options.js';
import { notAfter, type Pin, unitePins } from './pin.js';
import { seenCookie, tokensInCookies } from './pin-cookie.js';
import { decodePin, encodePin } from './pin-token.js';

/** The headers of a request, with names in small letters. */
type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What a request carries. */
export interface CarriedPin {
  /** The genuine tokens. */
  readonly tokens: readonly string[];
  /** What they say, and what their holder was given here meanwhile. */
  readonly pin: Pin;
}

/**
 * The pin that a request carries, in a cookie or in the token header. A token that nobody here signed is ignored,
 * counted and reported, and never hides one that was: where there are several, every valid one counts.
 *
 * @param now ms since the epoch
 */
export function readPin(
  headers: RequestHeaders,
  config: ReplicationConfig,
  now: number,
): CarriedPin | undefined {
  const { cookie, tokenHeader } = config;
  let carried: CarriedPin | undefined;
  if (cookie !== false && typeof headers.cookie === 'string' && headers.cookie.includes(cookie.name)) {
    for (const { name } of config.monotonicReads ? [cookie, seenCookie(cookie)] : [cookie]) {
      for (const token of tokensInCookies(headers.cookie, name)) carried = carry(carried, token, config, now);
    }
  }
  const sent = tokenHeader === false ? undefined : headers[tokenHeader];
  return typeof sent === 'string' ? carry(carried, sent, config, now) : carried;
}

function carry(
  carried: CarriedPin | undefined,
  token: string,
  config: ReplicationConfig,
  now: number,
): CarriedPin | undefined {
  const said = readToken(token, config, now);
  if (said === undefined) return carried;
  const furthest = config.lineages.furthest(token);
  const pin = furthest === undefined ? said : unitePins(said, notAfter(furthest, now), joinOf);
  if (carried === undefined) return { tokens: [token], pin };
  return { tokens: [...carried.tokens, token], pin: unitePins(carried.pin, pin, joinOf) };
}

/** What a token says; undefined, and reported, when it is not to be believed. */
export function readToken(token: unknown, config: ReplicationConfig, now: number): Pin | undefined {
  if (config.pin === false) return undefined;
  const pin = typeof token === 'string' ? decodePin(token, config.signer, config.pin, now) : 'malformed';
  if (typeof pin !== 'string') return pin;
  publish('pin-ignored', { fault: pin });
  return undefined;
}

/** One pin for what several carriers brought. */
export function unite(a: Pin | undefined, b: Pin | undefined): Pin | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return unitePins(a, b, joinOf);
}

/** A token that says all that two others do; one that is not to be believed says nothing. */
export function uniteTokens(stored: string, token: string, config: ReplicationConfig): string {
  const now = config.now();
  const held = readToken(stored, config, now);
  const own = readToken(token, config, now);
  if (own === undefined) return stored;
  if (held === undefined) return token;
  return encodePin(unitePins(held, own, joinOf), config.signer);
}
