import { stringifySetCookie } from 'cookie';
import { publish } from './events.js';
import type { ReplicationConfig } from './options.js';
import { advancePin, decodePin, encodePin, type Pin } from './pin.js';

/**
 * Finds the pin among a request's cookies. A cookie that nobody here signed is ignored, counted and reported,
 * and never hides one that was: where several carry the name, every valid one counts.
 *
 * @param header the `Cookie` header as it came
 * @param now ms since the epoch
 */
export function readPinCookie(
  header: string | undefined,
  config: ReplicationConfig,
  now: number,
): Pin | undefined {
  if (header === undefined || config.pin === false || !header.includes(config.cookie.name)) return undefined;
  let found: Pin | undefined;
  for (const token of tokensIn(header, `${config.cookie.name}=`)) {
    const pin = decodePin(token, config.signer, config.pin, now);
    if (typeof pin === 'string') publish('pin-ignored', { fault: pin });
    else found = found === undefined ? pin : union(found, pin);
  }
  return found;
}

/** The `Set-Cookie` value that hands a pin to the client. */
export function pinCookie(pin: Pin, config: ReplicationConfig, overHttps: boolean): string {
  const { name, path, domain, sameSite, secure } = config.cookie;
  return stringifySetCookie(
    {
      name,
      value: encodePin(pin, config.signer),
      httpOnly: true,
      sameSite,
      path,
      secure: secure ?? overHttps,
      ...(domain !== undefined && { domain }),
      ...(config.pin !== false && { maxAge: Math.ceil(config.pin.maxAgeMs / 1_000) }),
    },
    { encode: (value) => value },
  );
}

/**
 * The values of one name in a `Cookie` header. The usual parsers keep only the first, which would let a cookie
 * set by a neighbouring host hide the real one.
 */
function tokensIn(header: string, prefix: string): readonly string[] {
  return header
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(prefix))
    .map((part) => part.slice(prefix.length));
}

function union(a: Pin, b: Pin): Pin {
  const [older, newer] = a.at <= b.at ? [a, b] : [b, a];
  return advancePin(older, newer.marks, newer.at);
}
