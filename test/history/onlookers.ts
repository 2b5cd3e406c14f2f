import { Agent } from 'node:http';
import { setTimeout as think } from 'node:timers/promises';
import type { Page } from './board.js';
import { Browser } from './browser.js';
import type { History, Operation } from './history.js';

export interface OnlookerOptions {
  readonly urls: readonly string[];
  readonly count: number;
  readonly history: History;
  /** Whether they still stay. */
  readonly busy: () => boolean;
  /** The pause, in ms, between two looks. @default 40 */
  readonly thinkMs?: number;
}

/** Sends visitors who only read what others write, so that nothing but the loss of all nodes can hold them up. */
export async function lookOn({ urls, count, history, busy, thinkMs = 40 }: OnlookerOptions): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  try {
    const onlookers = Array.from({ length: count }, async (_, index) => {
      const browser = new Browser([urls[index % urls.length] ?? ''], agent);
      while (busy()) {
        await look(browser, `onlooker-${index}`, `session-${index}/left`, history);
        await think(thinkMs);
      }
    });
    await Promise.all(onlookers);
  } finally {
    agent.destroy();
  }
}

function look(browser: Browser, session: string, key: string, history: History): Promise<Operation> {
  return history.record({ session, kind: 'read', key }, async () => {
    const failed = { value: 0, node: undefined, reason: undefined };
    try {
      const { status, body } = await browser.get(`/items?key=${encodeURIComponent(key)}`);
      if (status !== 200) return { ...failed, failure: `${status}: ${body}` };
      const { highest, node, reason } = JSON.parse(body) as Page;
      return { value: highest, node, reason, failure: undefined };
    } catch (error) {
      return { ...failed, failure: String(error) };
    }
  });
}
