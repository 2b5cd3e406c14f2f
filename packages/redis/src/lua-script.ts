import { createHash } from 'node:crypto';
import type { RedisClient } from './redis-client.js';

/** A script of one key. A server is told its text when it does not know it yet. */
export class LuaScript {
  readonly #text: string;
  readonly #sha1: string;

  constructor(text: string) {
    this.#text = text;
    this.#sha1 = createHash('sha1').update(text).digest('hex');
  }

  async run(client: RedisClient, key: string, ...given: string[]): Promise<unknown> {
    try {
      return await client.evalsha(this.#sha1, 1, key, ...given);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return client.eval(this.#text, 1, key, ...given);
    }
  }
}
