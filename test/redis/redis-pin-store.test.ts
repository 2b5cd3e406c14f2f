import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { RedisPinStore } from '@node-replicated/redis';
import type { Redis } from 'ioredis';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { describePinStore } from '../../packages/core/test/pin-store-contract.js';
import { eventually } from '../integration/stage.js';
import { connectRedis, describeWithRedis, openRedis, redis } from './redis-stage.js';

describeWithRedis('a store in Redis', () => {
  const connections: Redis[] = [];
  let turn = 0;

  beforeAll(async () => {
    for (let n = 0; n < 4; n++) connections.push(await openRedis());
  });

  describePinStore('as every store', {
    open: () => {
      turn += 1;
      return new RedisPinStore(connections[turn % connections.length] ?? connectRedis());
    },
  });

  it('tells a server its scripts again that has forgotten them', async () => {
    const client = await openRedis();
    const store = new RedisPinStore(client);
    await store.advance('flushed', () => 'a', 60_000);
    await client.script('FLUSH');
    expect(await store.get('flushed')).toBe('a');
    await client.script('FLUSH');
    await store.advance('flushed', (stored) => `${stored}b`, 60_000);
    expect(await store.get('flushed')).toBe('ab');
  });

  it('has keys with a prefix, which live as long as a pin does', async () => {
    const client = await openRedis();
    await new RedisPinStore(client).advance('ann', () => 'a', 60_000);
    await new RedisPinStore(client, { keyPrefix: 'shop:' }).advance('ann', () => 'b', 60_000);
    expect([await client.get('replication:pin:ann'), await client.get('shop:ann')]).toEqual(['a', 'b']);
    const left = await client.pttl('replication:pin:ann');
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(60_000);
  });

  it('shortens no life that another process has given a pin', async () => {
    const store = new RedisPinStore(await openRedis());
    await store.advance('long', () => 'a', 600_000);
    await store.advance('long', () => 'b', 1_000);
    expect(await connections[0]?.pttl('replication:pin:long')).toBeGreaterThan(60_000);
  });

  it('makes the moves of many requests of one client in few steps', async () => {
    const client = await openRedis();
    const store = new RedisPinStore(client);
    await store.get('busy');
    const before = await callsOf(client);
    await Promise.all(
      Array.from({ length: 200 }, () => store.advance('busy', (stored = '') => `${stored}x`, 60_000)),
    );
    expect(await store.get('busy')).toBe('x'.repeat(200));
    expect((await callsOf(client)) - before).toBeLessThan(10);
  });

  it('fails for a key that holds something else, and for no other', async () => {
    const client = await openRedis();
    const store = new RedisPinStore(client);
    await client.lpush('replication:pin:list', 'a');
    await expect(store.get('list')).rejects.toThrow(/WRONGTYPE/);
    await expect(store.advance('list', () => 'a', 60_000)).rejects.toThrow(/WRONGTYPE/);
    expect(await store.get('another')).toBeUndefined();
  });

  it('processes that store at the same time lose nothing, and none of them sees a token go back', async () => {
    const [count, moves] = [3, 60];
    const children = Array.from({ length: count }, (_, index) =>
      spawn(process.execPath, ['--input-type=module', '--eval', writer], {
        cwd: resolve(import.meta.dirname, '..'),
        env: { ...process.env, REDIS_PORT: String(redis.port), NAME: `p${index}`, MOVES: String(moves) },
        stdio: ['ignore', 'ignore', 'inherit'],
      }),
    );
    const ends = await Promise.all(children.map((child) => once(child, 'exit')));
    expect(ends.map(([code]) => code)).toEqual(children.map(() => 0));
    const token = await new RedisPinStore(await openRedis()).get('processes');
    expect(new Set(token?.split(' ')).size).toBe(count * moves);
  });
});

describeWithRedis('what a store in Redis may have forgotten', () => {
  let client: Redis;
  let store: RedisPinStore;

  beforeEach(async () => {
    client = await openRedis();
    store = new RedisPinStore(client);
  });

  it('is nothing of what came since the server was started', async () => {
    expect(store.completeSince()).toBe(Number.NEGATIVE_INFINITY);
    await store.get('ann');
    const since = store.completeSince();
    expect(since).toBeLessThanOrEqual(performance.now());
    await store.get('bob');
    expect(store.completeSince()).toBe(since);
  });

  it('is all that came before the server was started anew, known with its first answer', async () => {
    await store.advance('ann', () => 'a', 60_000);
    await store.get('ann');
    const before = performance.now();
    await redis.kill();
    await redis.restart();
    await eventually('the connection is back', () => client.status === 'ready');
    expect(await store.get('ann')).toBeUndefined();
    expect(store.completeSince()).toBeGreaterThanOrEqual(before - 1_000);
  });

  it('may be anything when the server has become the master of its own copy', async () => {
    await store.get('ann');
    const since = store.completeSince();
    await client.replicaof('127.0.0.1', '1');
    await client.replicaof('NO', 'ONE');
    await store.get('ann');
    expect(store.completeSince()).toBeGreaterThan(since);
  });

  it('is not known where the user of Redis may not ask for it: then it is taken to be complete since it was asked first', async () => {
    await client.call('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '+@all', '-info');
    const limited = connectRedis({ username: 'limited', password: 'secret' });
    await eventually('it is connected', () => limited.status === 'ready');
    const other = new RedisPinStore(limited);
    const before = performance.now();
    await other.advance('ann', () => 'a', 60_000);
    expect(await other.get('ann')).toBe('a');
    expect(other.completeSince()).toBeGreaterThanOrEqual(before);
  });
});

/** How many scripts a server has run. */
async function callsOf(client: Redis): Promise<number> {
  const stats = await client.info('commandstats');
  return [...stats.matchAll(/^cmdstat_evalsha:calls=(\d+)/gm)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  );
}

/** A process that adds its words to a token, and looks on. */
const writer = `
import { RedisPinStore } from '@node-replicated/redis';
import { Redis } from 'ioredis';
const redis = new Redis({ port: Number(process.env.REDIS_PORT), host: '127.0.0.1' });
const store = new RedisPinStore(redis);
let seen = [];
for (let n = 0; n < Number(process.env.MOVES); n++) {
  const word = process.env.NAME + '.' + n;
  await store.advance('processes', (stored) => (stored === undefined ? word : stored + ' ' + word), 60_000);
  const words = new Set((await store.get('processes')).split(' '));
  if (![...seen, word].every((one) => words.has(one))) process.exit(1);
  seen = [...words];
}
redis.disconnect();
`;
