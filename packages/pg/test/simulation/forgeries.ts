import { createHmac } from 'node:crypto';
import { cookieNames } from './pin-facts.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimWorld } from './web-process.js';

/** Cookies that somebody made who does not know the secret. */
function forgeries(genuine: string | undefined, random: SeededRandom): readonly string[] {
  const at = random.chance(0.5) ? 'zzzzzzzz' : '0';
  const text = `1.${at}.main:${random.pick(['!', '', '2a-1-0', '2a-zz-zzzz'])}`;
  const made: [string, ...string[]] = [
    `${text}.${'A'.repeat(43)}`,
    `${text}.${createHmac('sha256', 'a secret of my own, long enough').update(text).digest('base64url')}`,
    'x'.repeat(random.whole(1, 5_000)),
  ];
  if (genuine === undefined) return [random.pick([...made, '...'])];
  const place = random.whole(0, genuine.length - 1);
  const changed = genuine[place] === 'z' ? 'y' : 'z';
  const signature = genuine.slice(genuine.lastIndexOf('.'));
  return [
    random.pick([...made, `${text}${signature}`, genuine.slice(0, -1)]),
    `${genuine.slice(0, place)}${changed}${genuine.slice(place + 1)}`,
  ];
}

/**
 * Tries cookies that nobody signed, alone and beside what a client holds.
 *
 * @param decide what a request is decided that comes with a `Cookie` header
 */
export function tryForgeries(
  { judge, random }: SimWorld,
  genuine: { readonly header: string | undefined; readonly token: string | undefined },
  decide: (cookie: string | undefined) => string,
): void {
  const { header, token } = genuine;
  const usual = [decide(undefined), decide(header)];
  for (const forged of forgeries(token, random)) {
    const made = `${random.pick(cookieNames)}=${forged}`;
    const now = [decide(made), decide(header === undefined ? made : `${made}; ${header}`)];
    if (now[0] !== usual[0] || now[1] !== usual[1]) {
      judge.report('a cookie that nobody signed changes nothing', `${made}: ${now} instead of ${usual}`);
    }
  }
}
