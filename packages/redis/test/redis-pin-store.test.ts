import { Cluster, Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { type RedisClient, RedisPinStore } from '../src/index.js';

const client: RedisClient = {
  evalsha: async () => [null, ''],
  eval: async () => [null, ''],
};

it('takes a client of one server, and of a cluster', () => {
  const lazily = { lazyConnect: true };
  expect(new RedisPinStore(new Redis(lazily))).toBeInstanceOf(RedisPinStore);
  expect(new RedisPinStore(new Cluster([], lazily))).toBeInstanceOf(RedisPinStore);
});

describe('options that cannot be used', () => {
  it.each([
    ['redis', () => new RedisPinStore({} as RedisClient)],
    ['redis', () => new RedisPinStore(undefined as unknown as RedisClient)],
    ['keyPrefix', () => new RedisPinStore(client, { keyPrefix: 5 as unknown as string })],
    ['prefix', () => new RedisPinStore(client, { prefix: 'a' } as object)],
  ])('are an error that names %s', (name, make) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION', message: expect.stringMatching(`^${name}`) }),
    );
  });
});

it.each([{ answer: undefined }, { answer: 'OK' }, { answer: 5 }, { answer: [5] }, { answer: [['a']] }])(
  'an answer that is none is a failure: $answer',
  async ({ answer }) => {
    const store = new RedisPinStore({ ...client, evalsha: async () => answer });
    await expect(store.get('ann')).rejects.toThrow(/something else/);
  },
);

it('a pin that others get ahead of again and again is a failure, and not tried for ever', async () => {
  let rounds = 0;
  const evalsha = async (): Promise<unknown> => {
    rounds += 1;
    return [0, `other ${rounds}`];
  };
  const store = new RedisPinStore({ ...client, evalsha });
  await expect(store.advance('ann', () => 'a', 1_000)).rejects.toThrow(/overtaken 100 times/);
  expect(rounds).toBe(100);
});

it('an error of a server is not taken for a script that it does not know', async () => {
  const evalsha = async (): Promise<never> => {
    throw new Error('READONLY You cannot write against a read only replica.');
  };
  const store = new RedisPinStore({ evalsha, eval: async () => [1] });
  await expect(store.advance('ann', () => 'a', 1_000)).rejects.toThrow(/READONLY/);
});
