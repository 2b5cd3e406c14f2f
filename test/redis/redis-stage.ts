import { Redis, type RedisOptions } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findRedis, RedisServer } from './redis-server.js';

/** The server of the test file that has called {@link describeWithRedis}. */
export let redis: RedisServer;

const found = findRedis();
const clients: Redis[] = [];

/** Runs tests with a Redis of their own. Without the program they are skipped, and under `CI=true` one fails. */
export function describeWithRedis(name: string, tests: () => void): void {
  describeWithProgram(name, (program) => {
    beforeAll(async () => {
      redis = await RedisServer.start(program);
    });
    afterAll(async () => {
      for (const client of clients.splice(0)) client.disconnect();
      await redis?.[Symbol.asyncDispose]();
    });
    tests();
  });
}

/** The same for tests that start servers by themselves. */
export function describeWithProgram(name: string, tests: (program: string) => void): void {
  if (typeof found === 'string') {
    console.warn(`"${name}" is skipped: ${found}.`);
    test.runIf(process.env.CI === 'true')('redis-server is there', () => {
      expect.fail(found);
    });
    describe.skip(name, () => tests(''));
    return;
  }
  const { program } = found;
  describe(name, () => tests(program));
}

/** A connection, which is closed at the end of the file. */
export function connectRedis(options: Pick<RedisOptions, 'username' | 'password'> = {}): Redis {
  const client = new Redis(redis.port, '127.0.0.1', { ...options, enableOfflineQueue: false });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

/** A connection that is open. */
export async function openRedis(): Promise<Redis> {
  const client = connectRedis();
  if (client.status !== 'ready') await new Promise((ready) => client.once('ready', ready));
  return client;
}
