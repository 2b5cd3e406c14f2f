import { openRequest } from '../src/lifecycle.js';
import { defineReplication, type ReplicationConfig, type ReplicationOptions } from '../src/options.js';
import type { Pin } from '../src/pin.js';
import { readPin } from '../src/pin-carriers.js';
import { pinCookie } from '../src/pin-cookie.js';
import type { PinMark } from '../src/pin-mark.js';
import { encodePin } from '../src/pin-token.js';
import type { JoinPositions } from '../src/position.js';
import type { RequestFacts } from '../src/request-facts.js';
import type { RoleRule } from '../src/role.js';
import type { Scope } from '../src/scope.js';
import { createSigner, type Signer } from '../src/signer.js';

/** The moment at which these tests happen. */
export const noon: number = Date.UTC(2026, 5, 1, 12);

export const secret = 'the secret of these tests is long enough';
export const otherSecret = 'another secret of these tests is as long as that';

export const main = { name: 'main', readOnly: false };
export const posts = { name: 'posts', readOnly: false };

/** A signer whose secrets come from the test. */
export function signerWith(secrets: readonly string[]): Signer {
  return createSigner(secrets, 'this test');
}

/** Settings with a known secret and a clock that stands at {@link noon}. */
export function configWith(options: ReplicationOptions = {}): ReplicationConfig {
  return defineReplication({ secret, now: () => noon, ...options });
}

/** How these tests' clusters join two positions, which are numbers. */
export const further: JoinPositions = (a, b) => (Number(a) >= Number(b) ? a : b);

export interface Given {
  readonly config?: ReplicationConfig;
  readonly facts?: Partial<RequestFacts>;
  readonly rule?: RoleRule;
}

/** The scope of a request: `GET /` with no headers, unless told otherwise. */
export function aRequest({ config = configWith(), facts = {}, rule }: Given = {}): Scope {
  return openRequest(config, { method: 'GET', path: '/', headers: {}, secure: false, rule, ...facts });
}

export function aPin(at: number, marks: Readonly<Record<string, PinMark>>): Pin {
  return { at, marks: new Map(Object.entries(marks)) };
}

/** The `Set-Cookie` value of a pin. */
export function setCookie(
  pin: Pin,
  { cookie, pin: times, signer }: ReplicationConfig,
  overHttps = false,
): string {
  if (cookie === false || times === false) throw new Error('These settings have no pin cookies.');
  return pinCookie(encodePin(pin, signer), cookie, times.maxAgeMs, overHttps);
}

/** What a browser sends back after it was given this pin. */
export function cookieHeader(pin: Pin, config: ReplicationConfig): string {
  return setCookie(pin, config).split(';', 1).join();
}

/** The pin in a `Cookie` header. */
export function readPinCookie(
  header: string | undefined,
  config: ReplicationConfig,
  now: number,
): Pin | undefined {
  return readPin({ cookie: header }, config, now)?.pin;
}

/** What a function throws; undefined when it does not. */
export function thrownBy(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  return undefined;
}
