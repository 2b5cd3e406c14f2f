import type { Decision } from '@node-replicated/core/adapter';
import type { Judge } from './judge.js';
import type { Lineage, WebSide } from './web-process.js';

const promised = 'a pin holds for its time, and no longer';

/** For how many ms a client is held on the primary, by what is known of its tokens. */
export function holdMs(known: Lineage | undefined, { forMs, maxAgeMs }: WebSide): number {
  return known === undefined ? 0 : { unknown: maxAgeMs, position: forMs, seen: 0 }[known.mark];
}

/**
 * The GET that follows a POST reads on the primary for the pin's time; and not for longer.
 *
 * @param request for the story
 * @param age how long ago its client wrote, in ms
 */
export function judgeHold(
  judge: Judge,
  request: string,
  { role, reason }: Decision,
  mostMs: number,
  age: number,
): void {
  const held = age < mostMs;
  if (held && role !== 'primary') judge.report(promised, `${request} reads on a replica after ${age} ms`);
  if (!held && reason === 'pin') judge.report(promised, `${request} is held after ${age} of ${mostMs} ms`);
}
