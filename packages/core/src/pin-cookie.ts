import { stringifySetCookie } from 'cookie';
import type { PinCookieSettings } from './cookie-options.js';

/**
 * The cookie of a pin that only reads have moved. It is one of its own, so that the answer to a read that is overtaken
 * by the answer to a write does not take that write's pin away.
 */
export function seenCookie<Cookie extends { readonly name: string }>(cookie: Cookie): Cookie {
  return { ...cookie, name: `${cookie.name}_seen` };
}

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
