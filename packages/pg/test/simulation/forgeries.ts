import { createHmac } from 'node:crypto';
import type { SeededRandom } from './seeded-random.js';

/** Cookies that somebody made who does not know the secret. */
export function forgeries(genuine: string | undefined, random: SeededRandom): readonly string[] {
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
