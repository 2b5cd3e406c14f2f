import { stringifySetCookie } from 'cookie';
import type { PinCookieSettings } from './cookie-options.js';

/**
 * The `Set-Cookie` value that hands a token to the client.
 *
 * @param maxAgeMs how long the client shall keep it
 */
export function pinCookie(
  token: string,
  { name, path, domain, sameSite, secure }: PinCookieSettings,
  maxAgeMs: number,
  overHttps: boolean,
): string {
  return stringifySetCookie(
    {
      name,
      value: token,
      httpOnly: true,
      sameSite,
      path,
      secure: secure ?? overHttps,
      ...(domain !== undefined && { domain }),
      maxAge: Math.ceil(maxAgeMs / 1_000),
    },
    { encode: (value) => value },
  );
}

/**
 * The values of one name in a `Cookie` header. The usual parsers keep only the first, which would let a cookie
 * set by a neighbouring host hide the real one.
 */
export function tokensInCookies(header: string, name: string): readonly string[] {
  const prefix = `${name}=`;
  return header
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(prefix))
    .map((part) => part.slice(prefix.length));
}
