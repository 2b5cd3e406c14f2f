import type { History } from '../history/history.js';
import { lookOn } from '../history/onlookers.js';
import { visit } from '../history/visitors.js';

/** How many sessions there are: those who read and write, in two tabs each, and those who only read. */
export const visitors = 90;
export const onlookers = 10;

/** Pauses that two cores can bear, with all servers and applications on them. */
const longestThinkMs = 600;
const onlookerThinkMs = 200;

export interface LoadOptions {
  readonly urls: readonly string[];
  readonly seed: number;
  readonly history: History;
  readonly busy: () => boolean;
}

/** Sends everybody to the sites, and resolves when all of them have left. */
export async function sendEverybody(options: LoadOptions): Promise<void> {
  await Promise.all([
    visit({ ...options, sessions: visitors, longestThinkMs, untilServedByReplica: false }),
    lookOn({ ...options, count: onlookers, thinkMs: onlookerThinkMs }),
  ]);
}

/** Whether a session of this load ever writes. */
export function writes(session: string): boolean {
  return !session.startsWith('onlooker-');
}
