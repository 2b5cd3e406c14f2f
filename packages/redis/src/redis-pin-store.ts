import type { PinStore } from '@node-replicated/core';
import { badOption, requireSettings } from '@node-replicated/core/adapter';
import { LuaScript } from './lua-script.js';
import { pinKey } from './pin-key.js';
import type { RedisClient } from './redis-client.js';
import { ServerMemory } from './server-memory.js';
import { type TokenMove, TokenMoves } from './token-moves.js';

/** How a {@link RedisPinStore} differs from others on the same server. */
export interface RedisPinStoreOptions {
  /** What the keys begin with. @default 'replication:pin:' */
  readonly keyPrefix?: string;
}

const known: ReadonlySet<string> = new Set<keyof RedisPinStoreOptions>(['keyPrefix']);

/** How often a move is tried that others get ahead of: each time, one of them has succeeded. */
const mostRounds = 100;

/** The token, and which server says so; of one that was not named, what it tells of itself. */
const look = new LuaScript(`
local function info(section)
  local text = redis.pcall('INFO', section)
  return type(text) == 'string' and text or ''
end
local replication = info('replication')
local history = string.match(replication, 'master_replid:(%x+)') or ''
local token = redis.call('GET', KEYS[1])
if history == ARGV[1] then return { token, history } end
local uptime = string.match(info('server'), 'uptime_in_seconds:(%d+)') or '0'
return { token, history, uptime, string.match(replication, 'master_replid2:(%x+)') or '' }
`);

/** Replaces a token, if it is still the one that is named. Nobody shortens its life, whatever their settings. */
const replace = new LuaScript(`
local stored = redis.call('GET', KEYS[1]) or ''
if stored ~= ARGV[1] then return { 0, stored } end
local left = redis.call('PTTL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[2], 'PX', math.max(left, tonumber(ARGV[3])))
return { 1 }
`);

/**
 * A {@link PinStore} in Redis, for all processes of an application. A client's token is replaced only by one that
 * follows it: Redis compares and sets, and who was overtaken makes its move again from what is there now. So Redis
 * need not understand tokens, and no position loses a digit in Lua's numbers.
 */
export class RedisPinStore implements PinStore {
  readonly #redis: RedisClient;
  readonly #prefix: string;
  readonly #servers = new ServerMemory();
  readonly #moves = new Map<string, TokenMoves>();

  /**
   * @param redis a `Redis` or a `Cluster` of ioredis; it stays the application's, which closes it
   * @throws ERR_OPTION, naming the option
   */
  constructor(redis: RedisClient, options: RedisPinStoreOptions = {}) {
    if (typeof redis?.evalsha !== 'function' || typeof redis.eval !== 'function') {
      throw badOption('redis', 'must be a client of ioredis');
    }
    requireSettings('', options, known);
    const { keyPrefix = 'replication:pin:' } = options;
    if (typeof keyPrefix !== 'string') throw badOption('keyPrefix', 'must be a string');
    this.#redis = redis;
    this.#prefix = keyPrefix;
  }

  async get(client: string): Promise<string | undefined> {
    const { latest } = this.#servers;
    const answer = await look.run(this.#redis, pinKey(this.#prefix, client), latest);
    const [token, history, uptime = '0', formerHistory = ''] = listOf(answer);
    const facts = {
      history: String(history),
      uptimeSeconds: Number(uptime),
      formerHistory: String(formerHistory),
    };
    this.#servers.hear(facts, performance.now());
    return textOf(token);
  }

  async advance(
    client: string,
    advance: (stored: string | undefined) => string,
    ttlMs: number,
  ): Promise<void> {
    const key = pinKey(this.#prefix, client);
    const moves = this.#moves.get(key) ?? new TokenMoves((taken) => this.#make(key, taken));
    this.#moves.set(key, moves);
    try {
      await moves.add({ advance, ttlMs });
    } finally {
      if (moves.users === 0) this.#moves.delete(key);
    }
  }

  completeSince(): number {
    return this.#servers.completeSince;
  }

  async #make(key: string, moves: readonly TokenMove[]): Promise<void> {
    const ttlMs = Math.ceil(Math.max(...moves.map((move) => move.ttlMs)));
    // Most clients that write have not done so of late.
    let stored: string | undefined;
    for (let round = 0; round < mostRounds; round++) {
      const token = moves.reduce<string | undefined>((held, { advance }) => advance(held), stored);
      const [isMade, found] = listOf(
        await replace.run(this.#redis, key, stored ?? '', token ?? '', String(ttlMs)),
      );
      if (isMade === 1) return;
      stored = textOf(found);
    }
    throw new Error(`A pin was overtaken ${mostRounds} times.`);
  }
}

function listOf(answer: unknown): readonly unknown[] {
  if (Array.isArray(answer)) return answer;
  throw new TypeError('Redis gave something else than a list.');
}

/** Redis has nothing, and Lua an empty text, where there is no token. */
function textOf(found: unknown): string | undefined {
  if (found === null || found === undefined || found === '') return undefined;
  if (typeof found === 'string') return found;
  throw new TypeError('Redis gave something else than a token.');
}
